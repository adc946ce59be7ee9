// The forward pass of every architecture here: a decoder of pre-norm layers with grouped-query
// attention and a gated feed-forward, with the optional parts that ModelConfig lists.
#pragma once

#include <cstdint>
#include <memory>

#include "models/model.h"
#include "models/weight_source.h"

namespace onebit {

// Reads the weights that `config` asks for, under GGUF's names. `context`: positions to prepare
// for. Throws Error(kInvalidFile) that names the tensor.
std::unique_ptr<Model> make_decoder(const ModelConfig& config, WeightSource& weights,
                                    int64_t context);

}  // namespace onebit
