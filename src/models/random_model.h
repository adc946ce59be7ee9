// Models with random weights, for benchmarks of shapes that no file is at hand for.
#pragma once

#include <cstdint>
#include <memory>

#include "models/model.h"
#include "quant/code_matrix.h"

namespace onebit {

// A model of this shape: `weight_class` ternary (one scale a tensor) or binary (a scale per 128
// columns), embedding and head f16, tied. Throws Error(kInvalidFile) for an impossible shape.
std::unique_ptr<Model> random_model(const ModelConfig& config, WeightClass weight_class,
                                    uint64_t seed, int64_t context);

}  // namespace onebit
