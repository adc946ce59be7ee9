// Damage to the model in a well-formed container: tensors and hyper-parameters that do not fit
// together.
#include <algorithm>
#include <limits>

#include "catalogue.h"
#include "gguf_editor.h"
#include "quant/format.h"

namespace onebit::malformed::gguf {
namespace {

void add_shapes(Editor& cases, const DraftTensor& tensor) {
  const auto shape = [&](const std::string& what, std::vector<int64_t> dims) {
    if (dims == tensor.shape) return;
    cases.add(tensor.name + " " + what, Expect::kReject,
              [&](GgufDraft& draft) { draft.tensor(tensor.name).shape = dims; });
  };
  std::vector<int64_t> dims = tensor.shape;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    for (const int64_t delta : {-1, 1}) {
      dims = tensor.shape;
      dims[d] += delta;
      shape("dim " + std::to_string(d) + (delta < 0 ? " less" : " more"), dims);
    }
    for (const int64_t value :
         {int64_t{-1}, int64_t{0}, -tensor.shape[d], int64_t{1} << 31, int64_t{1} << 32,
          int64_t{1} << 61, int64_t{1} << 62, std::numeric_limits<int64_t>::max()}) {
      dims = tensor.shape;
      dims[d] = value;
      shape("dim " + std::to_string(d) + " = " + std::to_string(value), dims);
    }
  }
  shape("transposed", {tensor.shape.rbegin(), tensor.shape.rend()});
  dims = tensor.shape;
  dims.insert(dims.begin(), 1);
  shape("with rows of 1", dims);
  dims = tensor.shape;
  dims.push_back(2);
  shape("twice", dims);
  if (tensor.shape.size() == 2) shape("flat", {tensor.shape[0] * tensor.shape[1]});
  shape("2^32 x 2^32", {int64_t{1} << 32, int64_t{1} << 32});
  shape("2^62 x 4", {int64_t{1} << 62, 4});
  shape("2^16 to the fourth", {1 << 16, 1 << 16, 1 << 16, 1 << 16});
  cases.add(tensor.name + " with dims of 1 behind", Expect::kAccept,
            [&](GgufDraft& draft) { draft.tensor(tensor.name).shape.resize(4, 1); });
  for (const uint32_t n_dims : {0u, 5u, 0x10000u, 0x80000000u, ~0u}) {
    cases.add(tensor.name + " n_dims " + std::to_string(n_dims), Expect::kReject,
              [&](GgufDraft& draft) { draft.tensor(tensor.name).n_dims = n_dims; });
  }
}

void add_types(Editor& cases, const DraftTensor& tensor) {
  const int64_t available = static_cast<int64_t>(tensor.data.size());
  const int64_t cols = tensor.shape[0];
  const int64_t rows = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  const auto type = [&](uint32_t id, Expect expect) {
    cases.add(tensor.name + " type " + std::to_string(id), expect,
              [&](GgufDraft& draft) { draft.tensor(tensor.name).type = id; });
  };
  for (const Format& format : formats()) {
    if (format.id == kF32) continue;
    const bool blocks_fit =
        (format.flat ? rows * cols : cols) % format.block == 0 && rows % format.row_block == 0;
    const int64_t left = blocks_fit ? available - format.bytes(rows, cols) : -1;
    const bool is_loose = format.id == kI2_S || format.id == kQ2_0;  // writers disagree on sizes
    // Numbers of another type that happen to fit are numbers; whether they are good ones is not for
    // a loader to say, but it refuses what a ternary format has no code for.
    const Expect if_fits =
        format.id == kF16 || format.id == kBF16 ? Expect::kAccept : Expect::kEither;
    type(format.id, left >= 0 && (left < 32 || is_loose) ? if_fits : Expect::kReject);
  }
  for (const uint32_t id : {3u, 31u, 38u, 39u, 40u, 43u, 200u, 335u, 1u << 31, ~0u}) {
    type(id, Expect::kReject);
  }
}

void add_offsets(Editor& cases, std::size_t index) {
  const DraftTensor& tensor = cases.model().tensors[index];
  const auto offset = [&](const std::string& what, uint64_t value) {
    cases.add(tensor.name + " " + what, Expect::kReject,
              [&](GgufDraft& draft) { draft.tensors[index].offset = value; });
  };
  std::vector<uint64_t> begins = {0};
  for (const DraftTensor& t : cases.model().tensors)
    begins.push_back(begins.back() + t.data.size());
  const uint64_t here = begins[index];
  const uint64_t end = begins.back();
  for (const uint64_t off : {1, 4, 16, 31}) offset("off by " + std::to_string(off), here + off);
  for (std::size_t i = 0; i < cases.model().tensors.size(); ++i) {
    if (i != index) offset("at " + cases.model().tensors[i].name, begins[i]);
  }
  offset("at the end", end);
  offset("32 behind the end", end + 32);
  offset("2^32 farther", here + (uint64_t{1} << 32));
  offset("2^63 farther", here + (uint64_t{1} << 63));
  offset("just below 2^64", ~uint64_t{31});
  // 32 bytes later it reaches into the next tensor, or ends behind the file.
  offset("32 later", here + 32);
}

}  // namespace

Cases tensors() {
  Editor cases;
  for (std::size_t i = 0; i < cases.model().tensors.size(); ++i) {
    const DraftTensor& tensor = cases.model().tensors[i];
    const auto at = static_cast<std::ptrdiff_t>(i);
    cases.add("no " + tensor.name, Expect::kReject,
              [&](GgufDraft& draft) { draft.tensors.erase(draft.tensors.begin() + at); });
    cases.add(tensor.name + " twice", Expect::kReject,
              [&](GgufDraft& draft) { draft.tensors.push_back(tensor); });
    cases.add(tensor.name + " renamed", Expect::kReject,
              [&](GgufDraft& draft) { draft.tensors[i].name += ' '; });
    add_shapes(cases, tensor);
    add_types(cases, tensor);
    add_offsets(cases, i);
  }
  cases.add("no tensors", Expect::kReject, [](GgufDraft& draft) { draft.tensors.clear(); });
  cases.add("a tensor that nobody reads", Expect::kAccept, [](GgufDraft& draft) {
    draft.tensors.push_back({"extra", {8}, kF32, std::string(32, '\0')});
  });
  cases.add("an unread tensor that is cut", Expect::kReject, [](GgufDraft& draft) {
    draft.tensors.push_back({"extra", {9}, kF32, std::string(32, '\0')});
  });
  cases.add("tensors in another order than their data", Expect::kAccept, [](GgufDraft& draft) {
    uint64_t offset = 0;
    for (DraftTensor& tensor : draft.tensors) {
      tensor.offset = offset;
      offset += tensor.data.size();
    }
    const auto data = [&](std::size_t i) { return std::exchange(draft.tensors[i].data, {}); };
    std::string all;  // written in the order of the offsets, listed the other way round
    for (std::size_t i = 0; i < draft.tensors.size(); ++i) all += data(i);
    std::reverse(draft.tensors.begin(), draft.tensors.end());
    draft.tensors[0].data = all;
  });
  for (std::size_t i = 0; i < cases.model().tensors.size(); ++i) {
    const bool is_last = i + 1 == cases.model().tensors.size();
    cases.add("a gap behind " + cases.model().tensors[i].name,
              is_last ? Expect::kAccept : Expect::kReject,
              [&](GgufDraft& draft) { draft.tensors[i].data += std::string(32, '\0'); });
  }
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const DraftTensor& tensor : cases.model().tensors) {
      const bool is_vector = tensor.shape.size() == 1;
      cases.add(
          tensor.name + " with " + std::to_string(value),
          is_vector ? Expect::kReject : Expect::kEither, [&](GgufDraft& draft) {
            draft.tensor(tensor.name).data.replace(4, 4, reinterpret_cast<const char*>(&value), 4);
          });
    }
  }
  return cases.release();
}

Cases hyper_parameters() {
  Editor cases;
  const std::string a = "bitnet-b1.58.";
  constexpr uint32_t kMax = ~0u;
  using U32s = std::vector<uint32_t>;
  const U32s wrong_widths = {0, 1, 4, 7, 9, 16, 128, (1 << 20) + 1, 1u << 31, kMax};
  cases.set(a + "embedding_length", Expect::kReject, wrong_widths);
  cases.set(a + "feed_forward_length", Expect::kReject, wrong_widths);
  cases.set(a + "block_count", Expect::kReject, U32s{0, 2, 1024, 1025, 1u << 31, kMax});
  cases.set(a + "attention.head_count", Expect::kReject,
            U32s{0, 1, 3, 4, 8, 4096, 4097, 1u << 31, kMax});
  cases.set(a + "attention.head_count_kv", Expect::kReject, U32s{0, 2, 3, 4, 1u << 31, kMax});
  for (const char* key :
       {"attention.key_length", "attention.value_length", "rope.dimension_count"}) {
    cases.set(a + key, Expect::kReject, U32s{0, 1, 2, 3, 5, 8, 4096, 1u << 31, kMax});
  }
  cases.add("an odd head_dim", Expect::kReject, [&](GgufDraft& draft) {
    for (const char* key :
         {"attention.key_length", "attention.value_length", "rope.dimension_count"}) {
      draft.set(a + key, uint32_t{3});
    }
  });
  cases.set(a + "context_length", Expect::kReject, U32s{0, (1 << 24) + 1, 1u << 31, kMax});
  cases.set(a + "context_length", Expect::kAccept, U32s{1, 2, 4096, 1 << 24});
  for (const char* key : {"embedding_length", "feed_forward_length", "block_count",
                          "context_length", "attention.head_count", "attention.head_count_kv"}) {
    cases.set(a + key, Expect::kReject, std::vector<int32_t>{-1, -8});
    cases.set(a + key, Expect::kReject,
              std::vector<uint64_t>{(uint64_t{1} << 32) + 8, uint64_t{1} << 63, ~uint64_t{0}});
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  cases.set(a + "attention.layer_norm_rms_epsilon", Expect::kReject,
            std::vector<float>{0, -1e-5f, 1, 1e30f, nan, infinity, -infinity});
  cases.set(a + "rope.freq_base", Expect::kReject,
            std::vector<float>{0, -1, 0.5f, nan, infinity, -infinity});
  cases.set("onebit.projection_norm_epsilon", Expect::kReject,
            std::vector<float>{0, -1e-5f, 1, nan, infinity});
  cases.add("RoPE scaled by an unknown factor", Expect::kReject,
            [&](GgufDraft& draft) { draft.set(a + "rope.scaling.type", std::string("linear")); });
  for (const float factor : {0.0f, -2.0f, nan, infinity}) {
    cases.add("RoPE scaled by " + std::to_string(factor), Expect::kReject, [&](GgufDraft& draft) {
      draft.set(a + "rope.scaling.type", std::string("linear"));
      draft.set(a + "rope.scaling.factor", factor);
    });
  }
  using Strings = std::vector<std::string>;
  cases.set(a + "rope.scaling.type", Expect::kReject, Strings{"", "yarn", "llama3", "linear\n"});
  cases.set("general.architecture", Expect::kReject,
            Strings{"", "gpt5", "BITNET-B1.58", "bitnet-b1.58 ", std::string("bitnet-b1.58\0", 13),
                    std::string(1000, '\n'), "\xff", "../../etc/passwd", "%s%n"});
  cases.set(a + "hidden_activation", Expect::kReject, Strings{"", "gelu", "relu2\n", "\xff"});
  cases.set("onebit.activation_quantization", Expect::kReject, Strings{"", "a2", "A8", "a8 "});
  cases.set("general.name", Expect::kAccept,
            Strings{"", "\xff", std::string("a\0b\nc", 5), std::string(100000, 'n')});
  return cases.release();
}

}  // namespace onebit::malformed::gguf
