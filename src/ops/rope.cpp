#include "ops/rope.h"

#include <cmath>

namespace onebit {

RopeTable::RopeTable(int64_t n_positions, int64_t head_dim, float theta)
    : half_(head_dim / 2), cosine_(n_positions * half_), sine_(n_positions * half_) {
  for (int64_t i = 0; i < half_; ++i) {
    const double frequency = std::pow(
        static_cast<double>(theta), -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    for (int64_t p = 0; p < n_positions; ++p) {
      const double angle = static_cast<double>(p) * frequency;
      cosine_[p * half_ + i] = static_cast<float>(std::cos(angle));
      sine_[p * half_ + i] = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace onebit
