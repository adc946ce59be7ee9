#include "convert/plan.h"

#include <algorithm>

#include "base/checked.h"
#include "convert/chunks.h"
#include "convert/row_reader.h"
#include "models/config.h"
#include "models/loader.h"
#include "quant/panel_shape.h"

namespace onebit {
namespace {

bool is_writable(const Format& format) {
  return format.from_codes != nullptr || format.from_float != nullptr;
}

bool in_gguf(const ModelFile& model) {
  return model.container().starts_with("GGUF");
}

bool is_binary(const ModelFile& model, const ModelTensor& t) {
  const RowReader rows(model, t, t.interleaved_heads);
  const int64_t step = chunk_rows(t.cols());
  for (int64_t first = 0; first < t.rows(); first += step) {
    const int64_t count = std::min(step, t.rows() - first);
    const CodeMatrix m = rows.codes(first, count);
    rows.release(first, count);
    if (std::ranges::find(m.codes, 0) != m.codes.end()) return false;
  }
  return true;
}

// llama.cpp computes `llama` with the rows of q and k interleaved, all else with halves together,
// as panels are.
int64_t interleaved_heads(const ModelFile& model, const ModelTensor& t, const Format& target) {
  const GgufMetadata& metadata = model.metadata();
  if (metadata.get_string_or("general.architecture", "") != "llama" || !is_linear(t) ||
      target.packing) {
    return 0;
  }
  const int64_t heads = metadata.get_int_or("llama.attention.head_count", 0);
  const int64_t n = t.name.ends_with(".attn_q.weight") ? heads
                    : t.name.ends_with(".attn_k.weight")
                        ? metadata.get_int_or("llama.attention.head_count_kv", heads)
                        : 0;
  if (n < 0 || (n > 0 && (t.rows() % n != 0 || t.rows() / n % 2 != 0))) {
    throw Error(ErrorCode::kInvalidFile, "expected rows for " + std::to_string(n) +
                                             " heads of even size, found " +
                                             std::to_string(t.rows()));
  }
  return n;
}

void plan_tensor(const ModelFile& model, const ModelTensor& t, const TargetChoice& choice,
                 std::vector<PlannedTensor>& tensors) try {
  PlannedTensor planned{.name = t.name,
                        .shape = t.shape,
                        .source = &t,
                        .target = choice.format,
                        .interleaved_heads = interleaved_heads(model, t, *choice.format),
                        .allow_lossy = choice.allow_lossy};
  // A separate scale of a GGUF file stays separate as long as its tensor stays as it is.
  planned.copied = planned.target == t.format && t.at_load == AtLoad::kAsStored &&
                   (t.scale == 1 || in_gguf(model)) &&
                   planned.interleaved_heads == t.interleaved_heads;
  if (!planned.copied && !is_writable(*planned.target)) {
    throw Error(ErrorCode::kUnsupported,
                std::string(planned.target->name) + " is only read: expected another type");
  }
  planned.bytes();  // checks the shape
  tensors.push_back(planned);
  if (!planned.copied || t.scale == 1) return;
  tensors.push_back({.name = t.name.substr(0, t.name.size() - 6) + "scale",
                     .shape = {1},
                     .source = &t,
                     .target = &format(kF32),
                     .is_scale = true});
} catch (const Error& e) {
  throw Error(e.code(), "tensor " + quote(t.name) + ": " + e.what());
}

// How the activations of this model enter its codes, as metadata names it; empty when it has no
// codes, or is of an architecture that this build does not run.
std::string activation_quantization(const ModelFile& model) {
  const ModelTensor* t = model.find("blk.0.ffn_down.weight");
  if (t == nullptr ||
      (t->at_load == AtLoad::kAsStored && t->format->weight_class == WeightClass::kFloat)) {
    return "";
  }
  try {
    const auto* tokens = model.metadata().find_array<std::string>("tokenizer.ggml.tokens");
    const auto n_vocab = tokens == nullptr ? 1 : static_cast<int64_t>(tokens->size());
    GgufMetadata written;
    write_config(load_config(model, n_vocab), written);
    return written.get_string(kActQuantKey);
  } catch (const Error&) {
    return "";
  }
}

// The model as it will be read back, without its bytes.
ModelFile read_back(const ConversionPlan& plan) {
  ModelFile::Contents contents{.name = "output",
                               .container = "GGUF v3",
                               .metadata = plan.metadata,
                               .tensors = {},
                               .quirks = {},
                               .files = {}};
  for (const PlannedTensor& t : plan.tensors) {
    contents.tensors.push_back({.name = t.name, .shape = t.shape, .format = t.target, .bytes = {}});
  }
  return ModelFile(std::move(contents));
}

// Panels are mapped where they are aligned for the kernels.
void align_panels(ConversionPlan& plan) {
  constexpr char kKey[] = "general.alignment";
  if (plan.metadata.get_int_or(kKey, 0) >= kPanelAlignment) return;
  if (std::ranges::none_of(plan.tensors,
                           [](const PlannedTensor& t) { return t.target->packing.has_value(); })) {
    return;
  }
  plan.metadata.set(kKey, static_cast<uint32_t>(kPanelAlignment));
}

}  // namespace

bool is_linear(const ModelTensor& t) {
  return t.name.starts_with("blk.") && t.name.ends_with(".weight") && t.shape.size() >= 2 &&
         t.rows() > 1 && t.name.find("_norm") == std::string::npos;
}

const Format& default_target(const ModelFile& model, const ModelTensor& t) {
  if (t.at_load == AtLoad::kTernary) return format(kI2_S);
  if (t.at_load == AtLoad::kGroups128) return format(is_binary(model, t) ? kQ1_0 : kQ2_0);
  // llama.cpp wants its norms in f32; the files of others have them in the type of the model.
  if (!in_gguf(model) && t.rows() == 1 && t.format->weight_class == WeightClass::kFloat) {
    return format(kF32);
  }
  // A variant becomes the layout that its id stands for: nothing in a file tells them apart.
  if (const Format* standard = find_format(t.format->id)) return *standard;
  return format(t.format->weight_class == WeightClass::kFloat ? kF32 : kI2_S);
}

ConversionPlan plan_conversion(const ModelFile& model, const ConvertOptions& options) {
  if (options.output_type != nullptr && model.find("output.weight") == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "type of the output: expected tensor 'output.weight', found none (the head is the "
                "embedding)");
  }
  return plan_conversion(model, [&](const ModelTensor& t) -> TargetChoice {
    const Format* chosen = t.name == "token_embd.weight" ? options.embedding_type
                           : t.name == "output.weight"   ? options.output_type
                           : is_linear(t)                ? options.type
                                                         : nullptr;
    return {chosen != nullptr ? chosen : &default_target(model, t), options.allow_lossy};
  });
}

ConversionPlan plan_conversion(const ModelFile& model,
                               const std::function<TargetChoice(const ModelTensor&)>& choose) {
  ConversionPlan plan;
  bool retyped = false;
  for (const ModelTensor& t : model.tensors()) {
    const std::size_t at = plan.tensors.size();
    plan_tensor(model, t, choose(t), plan.tensors);
    retyped = retyped || plan.tensors[at].target->id != t.format->id;
  }
  for (const auto& [key, value] : model.metadata().entries()) {
    // general.file_type names the commonest type; readers guess it where it is absent.
    if (key.starts_with("split.") || (retyped && key == "general.file_type")) continue;
    plan.metadata.set(key, value);
  }
  const bool quantised =
      std::ranges::any_of(plan.tensors, [](const PlannedTensor& t) { return t.target->block > 1; });
  constexpr char kVersionKey[] = "general.quantization_version";  // of ggml's block formats
  if (quantised && plan.metadata.find(kVersionKey) == nullptr) {
    plan.metadata.set(kVersionKey, uint32_t{2});
  }
  align_panels(plan);
  const std::string before = activation_quantization(model);
  if (!before.empty() && plan.metadata.find(kActQuantKey) == nullptr) {
    const std::string after = activation_quantization(read_back(plan));
    if (!after.empty() && after != before) plan.metadata.set(kActQuantKey, before);
  }
  return plan;
}

const Format& writable_format(const std::string& name) {
  std::string known;
  for (const Format& format : formats()) {
    if (!is_writable(format)) continue;
    if (find_format(name) == &format) return format;
    known += " " + std::string(format.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "type: expected one of" + known + ", found " + quote(name));
}

}  // namespace onebit
