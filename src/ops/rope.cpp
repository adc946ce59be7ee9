#include "ops/rope.h"

#include "base/portable_math.h"

namespace onebit {

RopeTable::RopeTable(int64_t n_positions, int64_t head_dim, float theta)
    : half_(head_dim / 2), cosine_(n_positions * half_), sine_(n_positions * half_) {
  const double log_theta = portable_log(static_cast<double>(theta));
  for (int64_t i = 0; i < half_; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
    const double frequency = portable_exp(exponent * log_theta);
    for (int64_t p = 0; p < n_positions; ++p) {
      const auto [sine, cosine] = portable_sin_cos(static_cast<double>(p) * frequency);
      cosine_[p * half_ + i] = static_cast<float>(cosine);
      sine_[p * half_ + i] = static_cast<float>(sine);
    }
  }
}

}  // namespace onebit
