// The elementwise loops of the backward pass and of the optimiser, one row or range at a time, on
// plain arrays. Nothing here is part of the numeric law: the forward pass uses kernels/ and ops/.
#pragma once

#include <cstdint>

namespace onebit::loops {

// out[i] = scale * codes[i]
void dequantize_i8(const int8_t* codes, float scale, int64_t n, float* out);
// out[i] = bit i ? scale : -scale
void dequantize_bits(const uint8_t* bits, float scale, int64_t n, float* out);

// Clipped straight-through estimator: dx[i] = 0 where |x[i]| > limit.
void clip_gradient(const float* x, float limit, int64_t n, float* dx);

// y = x * r * w with r = 1 / sqrt(mean(x^2) + eps). Overwrites dx, adds to dw.
void rms_norm_backward(const float* x, const float* w, const float* dy, float eps, int64_t n,
                       float* dx, float* dw);

// y = max(gate, 0)^2 * up
void relu2_mul_backward(const float* gate, const float* up, const float* dy, int64_t n,
                        float* dgate, float* dup);
// y = gate * |gate| * up
void signed_square_mul_backward(const float* gate, const float* up, const float* dy, int64_t n,
                                float* dgate, float* dup);

// y = softmax(scale * z): turns dy into dz, in place.
void softmax_backward(const float* y, float scale, int64_t n, float* dy);

void add(const float* x, int64_t n, float* y);  // y += x
void scale(float factor, int64_t n, float* x);  // x *= factor
double sum_squares(const float* x, int64_t n);

struct AdamWStep {
  float lr;
  float weight_decay;
  float beta1, beta2, eps;
  float correction1;  // 1 - beta1^t
  float correction2;  // sqrt(1 - beta2^t)
  float grad_scale;   // gradient clipping
};
// Decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), in torch.optim.AdamW's form.
void adamw(const AdamWStep& step, const float* grad, int64_t n, float* value, float* m, float* v);

}  // namespace onebit::loops
