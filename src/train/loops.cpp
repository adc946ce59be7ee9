#include "train/loops.h"

#include <cmath>

// The build compiles each of these for several x86 levels and the loader picks one
// (CMakeLists.txt).
#ifndef ONEBIT_CLONES
#define ONEBIT_CLONES
#endif

namespace onebit::loops {

ONEBIT_CLONES
void dequantize_i8(const int8_t* codes, float scale, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = scale * static_cast<float>(codes[i]);
}

ONEBIT_CLONES
void dequantize_bits(const uint8_t* bits, float scale, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = (bits[i >> 3] >> (i & 7) & 1) != 0 ? scale : -scale;
}

ONEBIT_CLONES
void clip_gradient(const float* x, float limit, int64_t n, float* dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = std::fabs(x[i]) <= limit ? dx[i] : 0.0f;
}

ONEBIT_CLONES
void rms_norm_backward(const float* x, const float* w, const float* dy, float eps, int64_t n,
                       float* dx, float* dw) {
  float squares = 0, products = 0;
#pragma omp simd reduction(+ : squares, products)
  for (int64_t i = 0; i < n; ++i) {
    squares += x[i] * x[i];
    products += w[i] * dy[i] * x[i];
  }
  const float r = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
  const float along_x = r * r * products / static_cast<float>(n);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    dw[i] += dy[i] * x[i] * r;
    dx[i] = r * (w[i] * dy[i] - x[i] * along_x);
  }
}

ONEBIT_CLONES
void relu2_mul_backward(const float* gate, const float* up, const float* dy, int64_t n,
                        float* dgate, float* dup) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float relu = gate[i] > 0 ? gate[i] : 0.0f;
    dgate[i] = 2 * relu * up[i] * dy[i];
    dup[i] = relu * relu * dy[i];
  }
}

ONEBIT_CLONES
void signed_square_mul_backward(const float* gate, const float* up, const float* dy, int64_t n,
                                float* dgate, float* dup) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(gate[i]);
    dgate[i] = 2 * magnitude * up[i] * dy[i];
    dup[i] = gate[i] * magnitude * dy[i];
  }
}

ONEBIT_CLONES
void softmax_backward(const float* y, float scale, int64_t n, float* dy) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < n; ++i) dot += y[i] * dy[i];
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dy[i] = scale * y[i] * (dy[i] - dot);
}

ONEBIT_CLONES
void add(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

ONEBIT_CLONES
void scale(float factor, int64_t n, float* x) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

ONEBIT_CLONES
double sum_squares(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

ONEBIT_CLONES
void adamw(const AdamWStep& step, const float* grad, int64_t n, float* value, float* m, float* v) {
  const float keep = 1 - step.lr * step.weight_decay;
  const float rate = step.lr / step.correction1;
  const float beta1 = step.beta1, beta2 = step.beta2, eps = step.eps;
  const float gain1 = 1 - beta1, gain2 = 1 - beta2;
  const float correction2 = step.correction2, grad_scale = step.grad_scale;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = grad[i] * grad_scale;
    m[i] = beta1 * m[i] + gain1 * g;
    v[i] = beta2 * v[i] + gain2 * g * g;
    value[i] = value[i] * keep - rate * m[i] / (std::sqrt(v[i]) / correction2 + eps);
  }
}

}  // namespace onebit::loops
