// Damage to tensors in panels, which are mapped and multiplied as they lie: nothing but their sizes
// and scales is looked at before.
#include <cstring>
#include <limits>

#include "base/checked.h"
#include "base/half.h"
#include "catalogue.h"
#include "gguf_editor.h"
#include "quant/format.h"
#include "quant/weights.h"

namespace onebit::malformed {

constexpr int64_t kAlignment = 64;

GgufDraft tiny_packed_model() {
  GgufDraft draft = tiny_model();
  draft.alignment = kAlignment;
  draft.set("general.alignment", static_cast<uint32_t>(kAlignment));
  for (DraftTensor& t : draft.tensors) {
    if (t.shape.size() < 2) continue;
    const bool is_binary = t.name.find("ffn_") != std::string::npos;
    const bool is_f16 = t.name.find("attn_output") != std::string::npos;
    const Format& f = format(t.name.starts_with("token_embd") ? kP_INT8
                             : is_binary                      ? kP_BINARY
                             : is_f16                         ? kP_TERNARY_64_F16
                                                              : kP_TERNARY);
    std::vector<float> values(t.data.size() / 4);
    std::memcpy(values.data(), t.data.data(), t.data.size());
    std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(t.shape[1], t.shape[0])));
    if (f.from_float != nullptr) {
      f.from_float(values.data(), t.shape[1], t.shape[0], bytes.data());
    } else {
      f.from_codes(quantize_weights(values.data(), t.shape[1], t.shape[0], f.weight_class,
                                    Granularity::kRow, f.scale_type),
                   bytes.data());
    }
    t.type = f.id;
    t.data.assign(bytes.begin(), bytes.end());
  }
  return draft;
}

namespace gguf {
namespace {

void add_sizes(Editor& cases, const DraftTensor& tensor, bool is_last) {
  const auto size = static_cast<int64_t>(tensor.data.size());
  for (const int64_t bytes : {int64_t{1}, int64_t{64}, size / 2, size - 64, size + 64, 2 * size}) {
    if (is_last && bytes > size) continue;  // behind the last tensor anything may follow
    cases.add(tensor.name + " with " + std::to_string(bytes) + " bytes", Expect::kReject,
              [&](GgufDraft& draft) {
                draft.tensor(tensor.name).data.resize(static_cast<std::size_t>(bytes));
              });
  }
  for (std::size_t d = 0; d < 2; ++d) {
    for (const int64_t dim :
         {int64_t{0}, tensor.shape[d] - 1, tensor.shape[d] + 1, int64_t{1} << 17, int64_t{1} << 32,
          int64_t{1} << 62, std::numeric_limits<int64_t>::max()}) {
      cases.add(tensor.name + " dim " + std::to_string(d) + " = " + std::to_string(dim),
                Expect::kReject,
                [&](GgufDraft& draft) { draft.tensor(tensor.name).shape[d] = dim; });
    }
  }
}

void add_values(Editor& cases, const DraftTensor& tensor) {
  const Format& f = *find_format(tensor.type);
  const auto rows = tensor.shape[1];
  const auto scales =
      tensor.data.size() - static_cast<std::size_t>(f.trailing_bytes(rows, tensor.shape[0]));
  const auto set = [&](const std::string& what, std::size_t at, const std::string& bytes,
                       Expect expect) {
    cases.add(tensor.name + " " + what, expect, [&](GgufDraft& draft) {
      draft.tensor(tensor.name).data.replace(at, bytes.size(), bytes);
    });
  };
  const auto as_scale = [&](float value) {
    std::string bytes(static_cast<std::size_t>(scale_bytes(f.scale_type)), '\0');
    const uint16_t half = f32_to_f16(value);
    const void* from = &value;
    if (f.scale_type == ScaleType::kF16) from = &half;
    std::memcpy(bytes.data(), from, bytes.size());
    return bytes;
  };
  const float inf = std::numeric_limits<float>::infinity();
  for (const float value : {inf, -inf, std::numeric_limits<float>::quiet_NaN()}) {
    const std::string bytes = as_scale(value);
    for (const int64_t row : {int64_t{0}, rows - 1}) {
      set("scale " + std::to_string(value) + " in row " + std::to_string(row),
          scales + static_cast<std::size_t>(row) * bytes.size(), bytes, Expect::kReject);
    }
    set("scale " + std::to_string(value) + " in the padding", tensor.data.size() - bytes.size(),
        bytes, Expect::kEither);
  }
  for (const char byte : {'\0', '\x03', '\x80', '\xff'}) {  // no code, -128, set padding bits
    set("full of " + std::to_string(byte), 0, std::string(scales, byte), Expect::kEither);
  }
  const bool f16 = f.scale_type == ScaleType::kF16;
  set("with a largest scale", scales, as_scale(f16 ? 65504 : std::numeric_limits<float>::max()),
      Expect::kAccept);
}

}  // namespace

Cases panels() {
  Editor cases(tiny_packed_model());
  cases.add("as they are", Expect::kAccept, [](GgufDraft&) {});
  cases.add("off the alignment of panels", Expect::kAccept, [](GgufDraft& draft) {
    draft.alignment = 32;
    draft.set("general.alignment", uint32_t{32});
  });
  for (const char* quant : {"a8", "a8g32", "f32"}) {
    cases.add(std::string("for activations ") + quant, Expect::kAccept, [&](GgufDraft& draft) {
      draft.set("onebit.activation_quantization", std::string(quant));
    });
  }
  cases.add(
      "for 1-bit activations, which ternary weights have not", Expect::kReject,
      [](GgufDraft& draft) { draft.set("onebit.activation_quantization", std::string("a1")); });
  for (const DraftTensor& tensor : cases.model().tensors) {
    const Format& f = *find_format(tensor.type);
    if (!f.packing) continue;
    add_sizes(cases, tensor, &tensor == &cases.model().tensors.back());
    add_values(cases, tensor);
    for (const Format& other : formats()) {
      if (!other.packing || other.id == f.id) continue;
      // To a reader sizes are what lies between two tensors, padding included.
      const int64_t bytes = other.bytes(tensor.shape[1], tensor.shape[0]);
      const auto size = static_cast<int64_t>(tensor.data.size());
      const bool same_size = round_up(bytes, kAlignment) == round_up(size, kAlignment);
      cases.add(tensor.name + " as " + other.name, same_size ? Expect::kEither : Expect::kReject,
                [&](GgufDraft& draft) { draft.tensor(tensor.name).type = other.id; });
    }
  }
  return cases.release();
}

}  // namespace gguf
}  // namespace onebit::malformed
