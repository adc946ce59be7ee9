// Rotary position embedding, half-split form (GPT-NeoX): dimension i of a head turns together with
// i + head_dim / 2 by the angle position * theta^(-2i / head_dim). Su et al., arXiv 2104.09864.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"

namespace onebit {

// Cosines and sines for positions [0, n_positions). Angles are computed in double and rounded once.
class RopeTable {
 public:
  RopeTable() = default;
  RopeTable(int64_t n_positions, int64_t head_dim, float theta);

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
