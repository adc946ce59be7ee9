// BitNet b1.58 as Microsoft's 2B-4T has it: pre-norms, a sub-norm before wo and w_down, gated
// squared ReLU, half-split RoPE, grouped-query attention, no biases (arXiv 2402.17764, 2504.12285).
#pragma once

#include <memory>

#include "io/gguf.h"
#include "models/model.h"
#include "models/weight_source.h"

namespace onebit {

// Metadata keys of a model of this family. "onebit.activation_quantization" (a8, a1, f32) and
// "<arch>.hidden_activation" (relu2, signed_square, silu) are ours; the rest are llama.cpp's.
constexpr char kActQuantKey[] = "onebit.activation_quantization";

ModelConfig read_bitnet_config(const GgufMetadata& metadata);
// The inverse, for export.
void write_bitnet_config(const ModelConfig& config, GgufMetadata& metadata);

std::unique_ptr<Model> make_bitnet(const ModelConfig& config, WeightSource& weights,
                                   int64_t context);

}  // namespace onebit
