// Arithmetic on numbers that come from files: overflow is an Error, never a wrap.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace onebit {

// a * b, or Error(kInvalidFile) that names `what`.
template <typename T>
T checked_mul(T a, T b, const std::string& what) {
  T result;
  if (__builtin_mul_overflow(a, b, &result)) {
    throw Error(ErrorCode::kInvalidFile,
                what + ": " + std::to_string(a) + " x " + std::to_string(b) + " overflows");
  }
  return result;
}

// a + b, or Error(kInvalidFile) that names `what`.
template <typename T>
T checked_add(T a, T b, const std::string& what) {
  T result;
  if (__builtin_add_overflow(a, b, &result)) {
    throw Error(ErrorCode::kInvalidFile,
                what + ": " + std::to_string(a) + " + " + std::to_string(b) + " overflows");
  }
  return result;
}

// The smallest multiple of `step` (> 0) that is >= n (>= 0), for sizes known to be small.
constexpr int64_t round_up(int64_t n, int64_t step) {
  return (n + step - 1) / step * step;
}

constexpr int64_t ceil_div(int64_t n, int64_t step) {
  return (n + step - 1) / step;
}

}  // namespace onebit
