// Logits as one number: equal on every instruction set, thread count and CPU, or something is
// wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/engine.h"

namespace onebit {

inline constexpr uint64_t kEmptyHash = 0xcbf29ce484222325;  // of FNV-1a, 64 bits

// FNV-1a over the bits of the values, low bytes first, going on from `hash`.
uint64_t hash_bits(std::span<const float> values, uint64_t hash = kEmptyHash);

// 16 hexadecimal digits.
std::string hash_text(uint64_t hash);

// Of all logits of the first 64 tokens (fewer if the context is shorter) of a fixed text.
std::string model_signature(Engine& engine);

}  // namespace onebit
