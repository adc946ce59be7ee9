#include "ops/rope.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "base/portable_math.h"

namespace onebit {
namespace {

// What frequency i is divided by.
double divisor(const RopeScaling& scaling, int64_t i) {
  double d = static_cast<double>(scaling.factor);
  if (!scaling.divisors.empty()) d *= scaling.divisors[static_cast<std::size_t>(i)];
  if (!std::isfinite(d) || d < 1.0 / 16) {
    throw Error(ErrorCode::kInvalidFile, "rope scaling of dimension " + std::to_string(i) +
                                             ": expected a finite number >= 1/16, found " +
                                             std::to_string(d));
  }
  return d;
}

}  // namespace

RopeTable::RopeTable(int64_t n_positions, int64_t head_dim, float theta, const RopeScaling& scaling)
    : half_(head_dim / 2), cosine_(n_positions * half_), sine_(n_positions * half_) {
  ONEBIT_CHECK(scaling.divisors.empty() || std::ssize(scaling.divisors) == half_);
  const double log_theta = portable_log(static_cast<double>(theta));
  for (int64_t i = 0; i < half_; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
    const double frequency = portable_exp(exponent * log_theta) / divisor(scaling, i);
    for (int64_t p = 0; p < n_positions; ++p) {
      const auto [sine, cosine] = portable_sin_cos(static_cast<double>(p) * frequency);
      cosine_[p * half_ + i] = static_cast<float>(cosine);
      sine_[p * half_ + i] = static_cast<float>(sine);
    }
  }
}

}  // namespace onebit
