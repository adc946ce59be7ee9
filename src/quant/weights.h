// Weight quantisers: latent fp32 weights to codes and scales. The law for trainer and packer alike.
//
// binary  (BitNet, arXiv 2310.11453, without its mean shift): code = w < 0 ? -1 : +1, so
//         sign(0) = sign(-0) = +1; scale = mean|w|.
// ternary (BitNet b1.58, arXiv 2402.17764): scale = max(mean|w|, 1e-5);
//         code = clip(round_half_even(w / scale), -1, 1).
//
// mean|w| is accumulated in double in one written order and rounded once to f32, then, if the file
// will hold an f16, to f16; the ternary division uses the rounded scale, so what training used is
// what is stored.
#pragma once

#include <array>
#include <cstdint>

#include "quant/code_matrix.h"
#include "quant/packing.h"

namespace onebit {

enum class Granularity { kTensor, kRow, kGroup128 };

// Columns that share a scale in a group-128 matrix; the last group of a row may be shorter.
constexpr int64_t kScaleGroup = 128;

// `weights` is [rows, cols] row-major, finite. `weight_class` is kBinary or kTernary.
CodeMatrix quantize_weights(const float* weights, int64_t rows, int64_t cols,
                            WeightClass weight_class, Granularity granularity, ScaleType scale);

// The two halves of quantize_weights, for tensors that come in parts: the same bits.
// Scale of all weights added so far, in their order.
class AbsMean {
 public:
  void add(const float* weights, int64_t n);
  float scale(WeightClass weight_class, ScaleType type) const;

 private:
  std::array<double, 8> lanes_{};  // lane l: weights l, l + 8, ...
  int64_t count_ = 0;
};
// Codes of n weights that share `scale`.
void quantize_codes(const float* weights, int64_t n, WeightClass weight_class, float scale,
                    int8_t* codes);

// Embeddings and heads in 8 bits: the codes -127 .. 127 of a row of n weights, and the scale that
// it returns: max|w| / 127; code = round_half_even(w / scale), 0 where the scale is 0. The scale is
// not finite if a weight is not, and the codes are 0 then.
float quantize_int8(const float* weights, int64_t n, int8_t* codes);
// The same in 6 bits: codes -31 .. 31, scale max|w| / 31. |w| / scale never reaches 32, so -32 (as
// -128 there) goes unused.
float quantize_int6(const float* weights, int64_t n, int8_t* codes);

// out[rows * cols] = scale * code.
void dequantize_weights(const CodeMatrix& matrix, float* out);

}  // namespace onebit
