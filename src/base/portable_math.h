// exp, log, sin and cos from IEEE additions, multiplications and divisions alone, so that every CPU
// gives the same bits: a C library picks variants (with FMA or without) by the CPU it runs on.
// Relative errors are below 1e-15 (sin and cos: absolute, for |x| <= 1e6).
#pragma once

#include <cstdint>

namespace onebit {

double portable_exp(double x);  // 0 below -745, infinity above 709.7
// x[i] = portable_exp(x[i]), the same bits several times faster, for |x[i]| <= 700.
void portable_exp_each(double* x, int64_t n);
double portable_log(double x);  // x > 0, normal

struct SinCos {
  double sin;
  double cos;
};
SinCos portable_sin_cos(double x);  // |x| < 2^30

}  // namespace onebit
