// What the tests of this folder share.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "ops/linear.h"

namespace onebit {

inline std::vector<float> random_floats(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(rng.normal());
  return v;
}

// y [M, N] of a layer for M rows of x.
inline std::vector<float> apply(const OpContext& ctx, const Linear& linear,
                                const std::vector<float>& x, ActQuant quant) {
  const int64_t cols = linear.n_cols();
  const int64_t tokens = static_cast<int64_t>(x.size()) / cols;
  Activations acts(tokens, cols);
  acts.set(ctx, x.data(), tokens, cols, quant);
  std::vector<float> y(static_cast<std::size_t>(tokens * linear.n_rows()));
  linear.forward(ctx, acts, y.data());
  return y;
}

}  // namespace onebit
