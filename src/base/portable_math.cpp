#include "base/portable_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace onebit {
namespace {

constexpr double kLog2e = 1.4426950408889634;
// ln 2 and pi/2 in parts with trailing zeros, so that a multiple of the first parts is exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;
constexpr double kHalfPi1 = 1.57079632673412561417e+00;
constexpr double kHalfPi2 = 6.07710050630396597660e-11;
constexpr double kHalfPi3 = 2.02226624879595063154e-21;

// To the nearest integer, |x| < 2^51.
double round_even(double x) {
  return (x + 0x1.8p52) - 0x1.8p52;
}

}  // namespace

double portable_exp(double x) {
  if (x != x) return x;
  if (x < -745.0) return 0;
  if (x > 709.7) return std::numeric_limits<double>::infinity();
  const double n = round_even(x * kLog2e);
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln2 / 2
  double sum = 1;                                     // Taylor: r^14 / 14! < 1e-17
  for (int i = 13; i >= 1; --i) sum = 1 + sum * r / i;
  return std::ldexp(sum, static_cast<int>(n));
}

void portable_exp_each(double* x, int64_t n) {
  // portable_exp without branches and calls: the compiler makes vectors of it.
  for (int64_t j = 0; j < n; ++j) {
    const double shifted = x[j] * kLog2e + 0x1.8p52;  // its low bits are the multiple of ln 2
    const double k = shifted - 0x1.8p52;
    const double r = (x[j] - k * kLn2High) - k * kLn2Low;
    double sum = 1;
    for (int i = 13; i >= 1; --i) sum = 1 + sum * r / i;
    x[j] = std::bit_cast<double>(std::bit_cast<uint64_t>(sum) +
                                 (std::bit_cast<uint64_t>(shifted) << 52));
  }
}

double portable_log(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [0.5, 1)
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1);  // log m = 2 atanh s, |s| <= 0.172
  const double s2 = s * s;
  double sum = 0;  // s^23 / 23 < 1e-18
  for (int i = 21; i >= 1; i -= 2) sum = sum * s2 + 1.0 / i;
  return exponent * kLn2High + (2 * s * sum + exponent * kLn2Low);
}

SinCos portable_sin_cos(double x) {
  const double n = round_even(x * 0.63661977236758134);                 // x / (pi / 2)
  const double r = ((x - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;  // |r| <= pi / 4
  const double r2 = r * r;
  double sine = 1;  // Taylor: r^19 / 19! < 1e-19
  for (int i = 17; i >= 3; i -= 2) sine = 1 - sine * r2 / (i * (i - 1));
  sine *= r;
  double cosine = 1;  // r^18 / 18! < 1e-17
  for (int i = 16; i >= 2; i -= 2) cosine = 1 - cosine * r2 / (i * (i - 1));
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace onebit
