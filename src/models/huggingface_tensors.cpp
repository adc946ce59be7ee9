#include "models/huggingface_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "quant/weights.h"

namespace onebit {
namespace {

[[noreturn]] void fail(const std::string& tensor, const std::string& expected,
                       const std::string& found, ErrorCode code = ErrorCode::kInvalidFile) {
  throw Error(code, "tensor " + quote(tensor) + ": expected " + expected + ", found " + found);
}

const Format* float_format(SafetensorsDtype dtype) {
  switch (dtype) {
    case SafetensorsDtype::kF32:
      return &format(kF32);
    case SafetensorsDtype::kF16:
      return &format(kF16);
    case SafetensorsDtype::kBF16:
      return &format(kBF16);
    default:
      return nullptr;
  }
}

class TensorCollector {
 public:
  TensorCollector(HuggingfaceConfig& config, ModelFile::Contents& model)
      : config_(config), model_(model) {}

  void add(const SafetensorsTensor& tensor);
  // After the last tensor.
  void finish();

 private:
  struct Scale {
    std::string name;  // of its own tensor
    float value;
  };

  void add_floats(const TensorName& name, const SafetensorsTensor& tensor, std::size_t dims);
  void add_projection(const TensorName& name, const SafetensorsTensor& tensor);
  void add_scale(const TensorName& name, const SafetensorsTensor& tensor);
  void add_own(std::string name, const std::vector<float>& values);
  void ignore(const SafetensorsTensor& tensor);

  void apply_scales();
  void settle_input_norms();
  void settle_head();
  void find_groups();

  const ModelTensor* find(std::string_view name) const;

  HuggingfaceConfig& config_;
  ModelFile::Contents& model_;
  std::map<std::string, Scale> scales_;   // by the name of the weight
  std::vector<std::size_t> projections_;  // in model_.tensors
  bool has_input_norms_ = false;          // not those of use_rms_norm
  std::size_t n_ignored_ = 0;
  std::string first_ignored_;
};

void TensorCollector::add(const SafetensorsTensor& tensor) {
  const auto name = map_tensor_name(tensor.name, config_);
  if (!name) return ignore(tensor);
  if (name->gguf == "output.weight" && config_.tied == true) {
    model_.quirks.push_back(
        "'lm_head.weight' is not used: tie_word_embeddings makes the embeddings the head");
    return;
  }
  switch (name->role) {
    case TensorRole::kTable:
      return add_floats(*name, tensor, 2);
    case TensorRole::kProjection:
      return add_projection(*name, tensor);
    case TensorRole::kScale:
      return add_scale(*name, tensor);
    case TensorRole::kInputNorm:
      has_input_norms_ = has_input_norms_ || !config_.rms_norms;
      return add_floats(*name, tensor, 1);
    case TensorRole::kNorm:
      add_floats(*name, tensor, 1);
      if (!config_.norms_plus_one) return;
      ModelTensor stored = std::move(model_.tensors.back());
      model_.tensors.pop_back();
      std::vector<float> values(static_cast<std::size_t>(stored.cols()));
      stored.format->to_float(stored.bytes.data(), 1, stored.cols(), 0, values.data());
      for (float& value : values) value += 1;
      return add_own(std::move(stored.name), values);
  }
}

void TensorCollector::add_floats(const TensorName& name, const SafetensorsTensor& tensor,
                                 std::size_t dims) {
  const Format* f = float_format(tensor.dtype);
  if (f == nullptr) {
    fail(tensor.name, "F32, F16 or BF16", std::string(dtype_name(tensor.dtype)),
         ErrorCode::kUnsupported);
  }
  const bool is_empty = std::ranges::count(tensor.shape, 0) > 0;
  if (tensor.shape.size() != dims || is_empty) {
    fail(tensor.name, std::to_string(dims) + " dimension" + (dims == 1 ? "" : "s") + " above 0",
         "shape " + shape_text(tensor.shape));
  }
  model_.tensors.push_back({.name = name.gguf,
                            .shape = {tensor.shape.rbegin(), tensor.shape.rend()},
                            .format = f,
                            .bytes = tensor.bytes});
}

void TensorCollector::add_projection(const TensorName& name, const SafetensorsTensor& tensor) {
  const HuggingfaceWeights weights =
      config_.stays_float(name.module) ? HuggingfaceWeights::kFloat : config_.weights;
  const bool is_packed = weights == HuggingfaceWeights::kPackedDivide ||
                         weights == HuggingfaceWeights::kPackedMultiply;
  projections_.push_back(model_.tensors.size());
  if (!is_packed) {
    if (tensor.dtype == SafetensorsDtype::kU8) {
      fail(tensor.name, "floats, as quantization_config does not say that it is packed", "U8");
    }
    add_floats(name, tensor, 2);
    if (weights == HuggingfaceWeights::kMaster) model_.tensors.back().at_load = AtLoad::kTernary;
    return;
  }
  if (tensor.dtype != SafetensorsDtype::kU8) {
    fail(tensor.name, "U8, as quantization_config says that it is packed",
         std::string(dtype_name(tensor.dtype)));
  }
  if (tensor.shape.size() != 2 || tensor.bytes.empty()) {
    fail(tensor.name, "2 dimensions above 0", "shape " + shape_text(tensor.shape));
  }
  model_.tensors.push_back({.name = name.gguf,
                            .shape = {tensor.shape[1], 4 * tensor.shape[0]},
                            .format = find_format("HF_U8"),
                            .bytes = tensor.bytes});
}

void TensorCollector::add_scale(const TensorName& name, const SafetensorsTensor& tensor) {
  const Format* f = float_format(tensor.dtype);
  const auto is_one = [](int64_t dim) { return dim == 1; };
  if (f == nullptr || !std::ranges::all_of(tensor.shape, is_one)) {
    fail(tensor.name, "one F32, F16 or BF16 number",
         std::string(dtype_name(tensor.dtype)) + " " + shape_text(tensor.shape));
  }
  float value = 0;
  f->to_float(tensor.bytes.data(), 1, 1, 0, &value);
  if (!std::isfinite(value) || !(value > 0) || !std::isfinite(1 / value)) {
    fail(tensor.name, "a finite number above 0", std::to_string(value));
  }
  if (!scales_.emplace(name.gguf, Scale{tensor.name, value}).second) {
    fail(tensor.name, "one scale of " + name.gguf, "two");
  }
}

// Values that no file holds as they are.
void TensorCollector::add_own(std::string name, const std::vector<float>& values) {
  AlignedBuffer<uint8_t> buffer(static_cast<int64_t>(values.size() * sizeof(float)));
  std::memcpy(buffer.data(), values.data(), values.size() * sizeof(float));
  const FileBytes& bytes = model_.files.emplace_back(std::move(buffer));
  model_.tensors.push_back({.name = std::move(name),
                            .shape = {static_cast<int64_t>(values.size())},
                            .format = &format(kF32),
                            .bytes = bytes.span()});
}

void TensorCollector::ignore(const SafetensorsTensor& tensor) {
  if (tensor.name.ends_with(".bias")) {  // left out, it would change every result
    fail(tensor.name, "no biases", "one", ErrorCode::kUnsupported);
  }
  if (n_ignored_++ == 0) first_ignored_ = tensor.name;
}

const ModelTensor* TensorCollector::find(std::string_view name) const {
  const auto found = std::ranges::find(model_.tensors, name, &ModelTensor::name);
  return found == model_.tensors.end() ? nullptr : &*found;
}

void TensorCollector::finish() {
  settle_input_norms();
  apply_scales();
  settle_head();
  if (config_.weights == HuggingfaceWeights::kFloat) find_groups();
  if (!config_.rope_divisors.empty()) add_own("rope_freqs.weight", config_.rope_divisors);
  if (n_ignored_ > 0) {
    model_.quirks.push_back(std::to_string(n_ignored_) + " tensors are not used, the first is " +
                            quote(first_ignored_));
  }
}

// A published scale of 1 / mean|w| is above 1 and one of mean|w| far below 8: the other way round,
// a checkpoint and its configuration may contradict each other.
void TensorCollector::apply_scales() {
  constexpr float kLeastDivisor = 1;
  constexpr float kLargestFactor = 8;
  const bool divides = config_.weights == HuggingfaceWeights::kPackedDivide;
  std::size_t n_odd = 0;
  std::size_t n_used = 0;
  const Scale* first_odd = nullptr;
  for (const std::size_t i : projections_) {
    ModelTensor& t = model_.tensors[i];
    if (t.format->id != kHF_U8) continue;
    const auto found = scales_.find(t.name);
    if (found == scales_.end()) fail(t.name, "its weight_scale, as it is packed", "none");
    const Scale& scale = found->second;
    ++n_used;
    t.scale = divides ? 1 / scale.value : scale.value;
    const bool is_odd = divides ? scale.value < kLeastDivisor : scale.value > kLargestFactor;
    if (is_odd && n_odd++ == 0) first_odd = &scale;
  }
  if (n_used < scales_.size()) {
    model_.quirks.push_back(std::to_string(scales_.size() - n_used) +
                            " weight_scale tensors are not used: their weights are not packed");
  }
  if (n_odd == 0) return;
  model_.quirks.push_back(quote(first_odd->name) + " (one of " + std::to_string(n_odd) + ") is " +
                          std::to_string(first_odd->value) + ", unusual for a scale that " +
                          (divides ? "divides" : "multiplies") +
                          ", as quantization_config.linear_class says it does");
}

// Only BitNet-embedding has `P.norm`, and its weights are masters though config.json is silent.
void TensorCollector::settle_input_norms() {
  if (config_.rms_norms && find("blk.0.attn_q_norm_in.weight") == nullptr) {
    fail("model.layers.0.self_attn.q_proj.rms_norm.weight", "a norm, as use_rms_norm is true",
         "no such tensor");
  }
  if (!has_input_norms_) return;
  config_.model.projection_norms = true;
  config_.model.pooling = Pooling::kLast;
  if (config_.weights != HuggingfaceWeights::kFloat) return;
  config_.weights = HuggingfaceWeights::kMaster;
  for (const std::size_t i : projections_) model_.tensors[i].at_load = AtLoad::kTernary;
}

void TensorCollector::settle_head() {
  const bool has_output = find("output.weight") != nullptr;
  const bool tied = config_.tied.value_or(!has_output);
  if (!tied && !has_output && config_.has_head) {
    fail("lm_head.weight", "a matrix, as tie_word_embeddings is false", "no such tensor");
  }
  config_.model.tie_embeddings = tied || !config_.has_head;
}

// Do sixteen rows, from the first to the last, hold only -d, 0 and +d in every 128 columns?
bool has_groups(const ModelTensor& t) {
  constexpr int64_t kLook = 16;
  if (t.cols() % kScaleGroup != 0) return false;
  std::vector<float> row(static_cast<std::size_t>(t.cols()));
  bool any = false;
  for (int64_t i = 0; i < std::min(kLook, t.rows()); ++i) {
    const int64_t at = t.rows() <= kLook ? i : i * (t.rows() - 1) / (kLook - 1);
    t.format->to_float(t.bytes.data(), t.rows(), t.cols(), at, row.data());
    for (int64_t col = 0; col < t.cols(); col += kScaleGroup) {
      float magnitude = 0;
      for (int64_t c = col; c < col + kScaleGroup; ++c) {
        const float value = std::fabs(row[static_cast<std::size_t>(c)]);
        if (value == 0) continue;
        if (magnitude != 0 && value != magnitude) return false;
        magnitude = value;
      }
      any = any || magnitude != 0;
    }
  }
  return any;
}

// Bonsai's `-unpacked` checkpoints: 1-bit and ternary weights written out as floats, those of
// embeddings and head too. The look is short; who loads the weights checks them all.
void TensorCollector::find_groups() {
  const auto looks_so = [&](std::size_t i) { return has_groups(model_.tensors[i]); };
  if (projections_.empty() || !std::ranges::all_of(projections_, looks_so)) return;
  for (const std::size_t i : projections_) model_.tensors[i].at_load = AtLoad::kGroups128;
  for (ModelTensor& t : model_.tensors) {
    const bool is_table = t.name == "token_embd.weight" || t.name == "output.weight";
    if (is_table && has_groups(t)) t.at_load = AtLoad::kGroups128;
  }
  config_.model.act_quant = ActQuant::kInt8Group;
  model_.quirks.push_back(
      "float weights in groups of 128 that hold only -d, 0 and +d: read as the 1-bit or ternary "
      "weights they were made from");
}

}  // namespace

void add_tensors(const SafetensorsFolder& folder, HuggingfaceConfig& config,
                 ModelFile::Contents& model) {
  TensorCollector collector(config, model);
  for (const SafetensorsFile& file : folder.files()) {
    model.files.push_back(file.bytes());
    try {
      for (const SafetensorsTensor& tensor : file.tensors()) collector.add(tensor);
    } catch (const Error& e) {
      throw Error(e.code(), file.name() + ": " + e.what());
    }
  }
  collector.finish();
}

}  // namespace onebit
