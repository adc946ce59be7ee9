// Rotary position embedding, half-split form (GPT-NeoX): dimension i of a head turns together with
// i + head_dim / 2 by the angle position * theta^(-2i / head_dim). Su et al., arXiv 2104.09864.
#pragma once

#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"

namespace onebit {

// How a model stretches the frequencies theta^(-2i / head_dim) to reach a longer context.
struct RopeScaling {
  float factor = 1;  // linear: every frequency is divided by it
  std::span<const float> divisors =
      {};  // [half], then each by its own (llama 3: rope_freqs.weight)
};

// In files of llama.cpp's `llama` architecture the rows of wq and wk are permuted for rotations of
// adjacent pairs: dimensions i and i + half of a head are its rows 2i and 2i + 1. The row of such a
// file that is `row` in half-split order.
constexpr int64_t interleaved_row(int64_t row, int64_t head_dim) {
  const int64_t half = head_dim / 2;
  const int64_t d = row % head_dim;
  return row - d + d % half * 2 + d / half;
}

// Cosines and sines for positions [0, n_positions). Angles are computed in double and rounded once.
// Throws Error(kInvalidFile) when factor times divisor is not a finite number >= 1/16 (so that
// angles stay in portable_sin_cos's range).
class RopeTable {
 public:
  RopeTable() = default;
  RopeTable(int64_t n_positions, int64_t head_dim, float theta, const RopeScaling& scaling = {});

  int64_t half() const { return half_; }
  int64_t n_positions() const { return half_ == 0 ? 0 : cosine_.size() / half_; }
  const float* cosine(int64_t position) const { return cosine_.data() + position * half_; }
  const float* sine(int64_t position) const { return sine_.data() + position * half_; }

 private:
  int64_t half_ = 0;
  AlignedBuffer<float> cosine_;  // [n_positions][half]
  AlignedBuffer<float> sine_;
};

}  // namespace onebit
