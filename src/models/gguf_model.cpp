// GGUF files as models: one file or the parts of a split one, with the layouts that ids alone do
// not tell (FORMATS: I2_S variants, legacy Q2_0, the row order of llama's q and k).
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "io/gguf_layout.h"
#include "models/model_file.h"

namespace onebit {
namespace {

constexpr int64_t kMaxParts = 1024;

struct I2sLayout {
  const char* option;
  const char* format;
};
constexpr std::array<I2sLayout, 3> kI2sLayouts = {
    {{"128", "I2_S"}, {"64", "I2_S/64"}, {"4row", "I2_S/4row"}}};

const Format& i2s_format(const std::string& option) {
  if (option.empty()) return format(kI2_S);
  for (const auto& layout : kI2sLayouts) {
    if (option == layout.option) return *find_format(layout.format);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "I2_S layout: expected 128, 64 or 4row, found " + quote(option));
}

// The tensor's format, after checking that the file holds all its bytes.
const Format& checked_format(const GgufTensor& tensor, const Format& i2s, int64_t alignment) try {
  const auto available = static_cast<int64_t>(tensor.available.size());
  const Format& f = tensor.type == kI2_S ? i2s
                                         : resolve_format(tensor.type, tensor.rows(), tensor.cols(),
                                                          available, alignment);
  const int64_t needed = f.bytes(tensor.rows(), tensor.cols());
  if (needed <= available) return f;
  throw Error(ErrorCode::kInvalidFile, "expected " + std::to_string(needed) + " bytes of " +
                                           f.name + ", found " + std::to_string(available) +
                                           " before the next tensor or the end");
} catch (const Error& e) {
  throw Error(e.code(), "tensor " + quote(tensor.name) + ": " + e.what());
}

// As in llama.cpp, nothing but padding lies between tensors: more means that the type or the shape
// says less than the file has. Behind the last tensor anything may follow, and writers disagree on
// the sizes of ids that stand for several layouts (I2_S, Q2_0).
void check_gap(const GgufFile& file, const GgufTensor& tensor, const Format& f, int64_t alignment) {
  const auto id = f.id;
  const auto has_id = [id](const Format& variant) { return variant.id == id; };
  const auto all = file.bytes().span();
  const bool is_last = &tensor.available.back() == &all.back();
  if (is_last || std::ranges::any_of(format_variants(), has_id)) return;
  const int64_t bytes = f.bytes(tensor.rows(), tensor.cols());
  const auto available = static_cast<int64_t>(tensor.available.size());
  if (available - bytes < alignment) return;
  throw Error(ErrorCode::kInvalidFile, "tensor " + quote(tensor.name) + ": expected " +
                                           std::to_string(bytes) + " bytes of " + f.name +
                                           " before the next tensor, found " +
                                           std::to_string(available));
}

bool is_projection(std::string_view name, std::string_view suffix) {
  return name.starts_with("blk.") && name.ends_with(suffix);
}

// Prism's later files keep weights in a rotated basis and say so only in metadata: computing on
// them as they are gives fluent nonsense.
void refuse_rotated_weights(const GgufMetadata& metadata) {
  for (const auto& [key, value] : metadata.entries()) {
    if (!key.starts_with("prism.hadamard.")) continue;
    throw Error(ErrorCode::kUnsupported,
                "metadata key " + quote(key) +
                    ": the weights are Hadamard-rotated (Bonsai 2), which this build does not "
                    "compute; use the Q1_0 or Q2_0 file of Bonsai 1 instead");
  }
}

// `blk.N.X.scale` multiplies the outputs of `blk.N.X.weight` (llama.cpp's bitnet graph).
void fold_scales(ModelFile::Contents& model) {
  std::map<std::string, float> scales;
  std::erase_if(model.tensors, [&](const ModelTensor& t) {
    if (!is_projection(t.name, ".scale")) return false;
    if (t.rows() * t.cols() != 1 || t.format->weight_class != WeightClass::kFloat) {
      throw Error(ErrorCode::kInvalidFile, "tensor " + quote(t.name) +
                                               ": expected one float, found shape " +
                                               shape_text(t.shape) + " of " + t.format->name);
    }
    float value = 0;
    t.format->to_float(t.bytes.data(), 1, 1, 0, &value);
    if (!std::isfinite(value)) {
      throw Error(
          ErrorCode::kInvalidFile,
          "tensor " + quote(t.name) + ": expected a finite number, found " + std::to_string(value));
    }
    scales[t.name.substr(0, t.name.size() - 5) + "weight"] = value;
    return true;
  });
  for (ModelTensor& t : model.tensors) {
    const auto scale = scales.find(t.name);
    if (scale == scales.end()) continue;
    t.scale = scale->second;
    scales.erase(scale);
  }
  if (scales.empty()) return;
  throw Error(ErrorCode::kInvalidFile, "tensor " + quote(scales.begin()->first) +
                                           ": expected, since it has a scale; found none");
}

// Adds the tensors of one file (part) to the model.
void add_tensors(const GgufFile& file, const Format& i2s, ModelFile::Contents& model) {
  const GgufMetadata& metadata = file.metadata();
  const std::string architecture = model.metadata.get_string_or("general.architecture", "");
  const int64_t alignment =
      metadata.get_int_or(gguf::kAlignmentKey, int64_t{gguf::kDefaultAlignment});
  for (const GgufTensor& tensor : file.tensors()) {
    const Format& f = checked_format(tensor, i2s, alignment);
    check_gap(file, tensor, f, alignment);
    const int64_t bytes = f.bytes(tensor.rows(), tensor.cols());
    ModelTensor t{.name = tensor.name,
                  .shape = tensor.shape,
                  .format = &f,
                  .bytes = tensor.available.first(static_cast<std::size_t>(bytes))};
    if (architecture == "llama" && !f.packing) {  // rows of panels are in the model's order
      const int64_t heads = model.metadata.get_int_or("llama.attention.head_count", 0);
      const int64_t kv_heads = model.metadata.get_int_or("llama.attention.head_count_kv", heads);
      const int64_t n = is_projection(t.name, ".attn_q.weight")   ? heads
                        : is_projection(t.name, ".attn_k.weight") ? kv_heads
                                                                  : 0;
      if (n != 0 && (n < 0 || t.rows() % n != 0 || t.rows() / n % 2 != 0)) {
        throw Error(ErrorCode::kInvalidFile, "tensor " + quote(t.name) + ": expected rows for " +
                                                 std::to_string(n) + " heads of even size, found " +
                                                 std::to_string(t.rows()));
      }
      t.interleaved_heads = n;
    }
    if (&f != find_format(f.id) && model.quirks.empty()) {
      model.quirks.push_back("tensor type id " + std::to_string(f.id) + " in the layout " + f.name +
                             (f.id == kQ2_0 ? ": groups of 128, told by the size of the tensors"
                                            : ": as --i2s-layout says"));
    }
    model.tensors.push_back(std::move(t));
  }
}

// "x-00001-of-00003.gguf" -> part `part` of it; empty if the name is not of this form.
std::filesystem::path part_path(const std::filesystem::path& first, int64_t part, int64_t count) {
  const auto number = [](int64_t n) {
    const std::string digits = std::to_string(n);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  const std::string name = first.filename().string();
  const std::string ending = "-" + number(1) + "-of-" + number(count) + ".gguf";
  if (!name.ends_with(ending)) return {};
  return first.parent_path() / (name.substr(0, name.size() - ending.size()) + "-" +
                                number(part + 1) + "-of-" + number(count) + ".gguf");
}

void add_parts(const std::filesystem::path& first, int64_t count, const Format& i2s,
               ModelFile::Contents& model) {
  for (int64_t part = 1; part < count; ++part) {
    const auto path = part_path(first, part, count);
    if (path.empty()) {
      throw Error(ErrorCode::kInvalidFile, "split.count: expected a file NAME-00001-of-" +
                                               std::to_string(count) + ".gguf (5 digits), found " +
                                               quote(first.filename().string()));
    }
    const GgufFile file = GgufFile::open(path);
    const int64_t no = file.metadata().get_int_or("split.no", -1);
    const int64_t n = file.metadata().get_int_or("split.count", -1);
    if (no != part || n != count) {
      throw Error(ErrorCode::kInvalidFile, path.string() + ": split.no, split.count: expected " +
                                               std::to_string(part) + ", " + std::to_string(count) +
                                               ", found " + std::to_string(no) + ", " +
                                               std::to_string(n));
    }
    model.files.push_back(file.bytes());
    add_tensors(file, i2s, model);
  }
  const int64_t tensors = model.metadata.get_int_or("split.tensors.count", -1);
  const auto found = static_cast<int64_t>(model.tensors.size());
  if (tensors != -1 && tensors != found) {
    throw Error(ErrorCode::kInvalidFile, "split.tensors.count: expected " +
                                             std::to_string(tensors) + " tensors, found " +
                                             std::to_string(found));
  }
}

ModelFile make_model(const GgufFile& file, const std::filesystem::path& path,
                     const OpenOptions& options) try {
  const Format& i2s = i2s_format(options.i2s_layout);
  refuse_rotated_weights(file.metadata());
  ModelFile::Contents model{.name = file.name(),
                            .container = "GGUF v" + std::to_string(file.version()),
                            .metadata = file.metadata(),
                            .tensors = {},
                            .quirks = {},
                            .files = {file.bytes()}};
  add_tensors(file, i2s, model);
  const int64_t parts = file.metadata().get_int_or("split.count", 1);
  if (parts > 1) {
    const int64_t no = file.metadata().get_int_or("split.no", 0);
    if (path.empty() || no != 0 || parts > kMaxParts) {
      throw Error(ErrorCode::kInvalidFile, "split.no, split.count: expected the first of at most " +
                                               std::to_string(kMaxParts) + " parts, found " +
                                               std::to_string(no) + ", " + std::to_string(parts));
    }
    add_parts(path, parts, i2s, model);
    model.container += ", " + std::to_string(parts) + " parts";
  }
  fold_scales(model);
  return ModelFile(std::move(model));
} catch (const Error& e) {
  const std::string what = e.what();  // a part's own errors begin with its path
  throw Error(e.code(), what.starts_with(file.name()) ? what : file.name() + ": " + what);
}

}  // namespace

ModelFile open_gguf_model(GgufFile file, const OpenOptions& options) {
  return make_model(file, {}, options);
}

ModelFile open_gguf_model(const std::filesystem::path& path, const OpenOptions& options) {
  return make_model(GgufFile::open(path), path, options);
}

}  // namespace onebit
