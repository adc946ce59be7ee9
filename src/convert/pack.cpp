#include "convert/pack.h"

#include <algorithm>

#include "base/half.h"
#include "convert/chunks.h"
#include "convert/row_reader.h"
#include "models/config.h"
#include "models/loader.h"
#include "quant/summed_group.h"

namespace onebit {
namespace {

ModelConfig config_of(const ModelFile& model) {
  const auto& tokens = model.metadata().get_strings("tokenizer.ggml.tokens");
  return load_config(model, static_cast<int64_t>(tokens.size()));
}

// What the loader finds out about codes before it packs them.
struct Survey {
  WeightClass weight_class;
  int64_t group;         // columns that are summed as one
  ScaleType scale_type;  // f16 where it holds the scales exactly and a row has several
};

Survey survey(const ModelFile& model, const ModelTensor& tensor) {
  ModelTensor t = tensor;  // the stored scales decide, before t.scale multiplies them
  t.scale = 1;
  const bool f16_by_type = tensor.scale == 1 && t.format->scale_type == ScaleType::kF16;
  bool f16 = true;
  const bool by_values = t.at_load == AtLoad::kGroups128;  // what the codes are is the class
  bool zeros = false;
  const RowReader rows(model, t, t.interleaved_heads);
  const int64_t step = chunk_rows(t.cols());
  std::optional<SummedGroup> summed;
  for (int64_t first = 0; first < t.rows(); first += step) {
    const CodeMatrix m = rows.codes(first, std::min(step, t.rows() - first));
    if (!summed) summed.emplace(m.cols, m.group);
    for (int64_t r = 0; r < m.rows; ++r) summed->add(m.scales.data() + r * m.groups());
    f16 = f16_by_type || (f16 && std::ranges::all_of(m.scales, [&](float scale) {
                            return is_f16(scale * tensor.scale);
                          }));
    zeros = zeros || (by_values && std::ranges::find(m.codes, 0) != m.codes.end());
    rows.release(first, m.rows);
    if (summed->settled() && (zeros || !by_values) && (f16_by_type || !f16)) break;
  }
  const WeightClass weight_class = by_values
                                       ? (zeros ? WeightClass::kTernary : WeightClass::kBinary)
                                   : t.at_load == AtLoad::kTernary ? WeightClass::kTernary
                                                                   : t.format->weight_class;
  f16 = f16 && summed->columns() < t.cols();
  return {weight_class, summed->columns(), f16 ? ScaleType::kF16 : ScaleType::kF32};
}

const Format& panels_of(const ModelFile& model, const ModelTensor& t) try {
  const auto [weight_class, group, scale_type] = survey(model, t);
  for (const Format& f : formats()) {
    if (f.packing && f.weight_class == weight_class && f.scale_type == scale_type &&
        f.group == (group < t.cols() ? group : 0)) {
      return f;
    }
  }
  throw Error(ErrorCode::kUnsupported,
              "expected scales for 64, 128, 256 or all columns, found " + std::to_string(group));
} catch (const Error& e) {
  throw Error(e.code(), "tensor " + quote(t.name) + ": " + e.what());
}

bool has_codes(const ModelTensor& t) {
  return t.at_load != AtLoad::kAsStored || t.format->weight_class != WeightClass::kFloat;
}

ConversionPlan plan_pack(const ModelFile& model, const PackOptions& options) {
  const ModelConfig config = config_of(model);
  const bool tied = model.find("output.weight") == nullptr;
  const auto choose = [&](const ModelTensor& t) -> TargetChoice {
    const bool is_head = t.name == (tied ? "token_embd.weight" : "output.weight");
    const ActQuant quant = config.act_quant;
    const TargetChoice as_it_is{&default_target(model, t)};
    if (quant == ActQuant::kF32 || !(is_head || is_linear(t))) return as_it_is;
    if (has_codes(t)) {
      // 1-bit activations never enter the head.
      return is_head && quant == ActQuant::kSign ? as_it_is : TargetChoice{&panels_of(model, t)};
    }
    // Six bits are never made eight: the loader reads them as they are.
    const bool is_int6 = t.format->packing == Packing::kInt6;
    if (!is_head || options.head == Head::kExact || is_int6) return as_it_is;
    return {&format(options.head == Head::kInt6 ? kP_INT6 : kP_INT8), true};
  };
  ConversionPlan plan = plan_conversion(model, choose);
  // The types of the source may have told this; those of the output do not.
  GgufMetadata written;
  write_config(config, written);
  plan.metadata.set(kActQuantKey, written.get_string(kActQuantKey));
  return plan;
}

}  // namespace

ConvertReport pack_model(const ModelFile& model, const std::filesystem::path& path,
                         const PackOptions& options,
                         const std::function<void(int64_t, int64_t)>& on_progress) {
  return write_plan(
      model, path, [&] { return plan_pack(model, options); }, on_progress);
}

}  // namespace onebit
