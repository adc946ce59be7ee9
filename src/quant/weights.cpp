#include "quant/weights.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/half.h"

namespace onebit {

// Lane l of 8 adds |w| of weights l, l + 8, ... in turn, in double; scale() adds lanes in order.
void AbsMean::add(const float* w, int64_t n) {
  int64_t i = 0;
  for (; i < n && count_ % 8 != 0; ++i, ++count_) lanes_[count_ % 8] += std::fabs(w[i]);
  for (; i + 8 <= n; i += 8, count_ += 8) {
    for (int64_t l = 0; l < 8; ++l) lanes_[static_cast<std::size_t>(l)] += std::fabs(w[i + l]);
  }
  for (; i < n; ++i, ++count_) lanes_[count_ % 8] += std::fabs(w[i]);
}

float AbsMean::scale(WeightClass weight_class, ScaleType type) const {
  double sum = 0;
  for (const double lane : lanes_) sum += lane;
  auto scale = static_cast<float>(sum / static_cast<double>(count_));
  if (weight_class == WeightClass::kTernary) scale = std::max(scale, 1e-5f);
  return type == ScaleType::kF16 ? f16_to_f32(f32_to_f16(scale)) : scale;
}

void quantize_codes(const float* w, int64_t n, WeightClass weight_class, float scale,
                    int8_t* codes) {
  if (weight_class == WeightClass::kBinary) {
    for (int64_t i = 0; i < n; ++i) codes[i] = w[i] < 0 ? -1 : 1;
    return;
  }
  // round_half_even(w / scale) clipped to +-1 is +-1 exactly where |w / scale| > 0.5: 0.5 itself is
  // a tie that goes to 0.
  for (int64_t i = 0; i < n; ++i) {
    const float ratio = w[i] / scale;
    codes[i] = static_cast<int8_t>((ratio > 0.5f) - (ratio < -0.5f));
  }
}

CodeMatrix quantize_weights(const float* weights, int64_t rows, int64_t cols,
                            WeightClass weight_class, Granularity granularity, ScaleType type) {
  ONEBIT_CHECK(weight_class != WeightClass::kFloat && rows > 0 && cols > 0);
  CodeMatrix matrix;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.group = granularity == Granularity::kGroup128 ? kScaleGroup : cols;
  matrix.codes.resize(static_cast<std::size_t>(rows * cols));
  if (granularity == Granularity::kTensor) {
    AbsMean mean;
    mean.add(weights, rows * cols);
    matrix.scales = {mean.scale(weight_class, type)};
    quantize_codes(weights, rows * cols, weight_class, matrix.scales[0], matrix.codes.data());
    return matrix;
  }
  matrix.scales.reserve(static_cast<std::size_t>(rows * matrix.groups()));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; c += matrix.group) {
      const int64_t n = std::min(matrix.group, cols - c);
      const float* w = weights + r * cols + c;
      AbsMean mean;
      mean.add(w, n);
      matrix.scales.push_back(mean.scale(weight_class, type));
      quantize_codes(w, n, weight_class, matrix.scales.back(), matrix.codes.data() + r * cols + c);
    }
  }
  return matrix;
}

namespace {

// Codes -largest .. largest.
float quantize_row(const float* weights, int64_t n, float largest, int8_t* codes) {
  float absmax = 0;
  float nonfinite = 0;  // 0, or NaN
  for (int64_t i = 0; i < n; ++i) {
    const float size = std::fabs(weights[i]);
    absmax = std::max(absmax, size);
    nonfinite += size * 0.0f;
  }
  const float scale = absmax / largest + nonfinite;
  if (!std::isfinite(scale)) {
    std::fill_n(codes, n, int8_t{0});
    return scale;
  }
  const float divisor = scale > 0 ? scale : 1.0f;
  for (int64_t i = 0; i < n; ++i) {
    // Adding 1.5 * 2^23 rounds half to even. A subnormal scale is coarse: hence the clip.
    const float rounded = (weights[i] / divisor + 12582912.0f) - 12582912.0f;
    codes[i] = static_cast<int8_t>(std::clamp(rounded, -largest, largest));
  }
  return scale;
}

}  // namespace

float quantize_int8(const float* weights, int64_t n, int8_t* codes) {
  return quantize_row(weights, n, 127.0f, codes);
}

float quantize_int6(const float* weights, int64_t n, int8_t* codes) {
  return quantize_row(weights, n, 31.0f, codes);
}

void dequantize_weights(const CodeMatrix& matrix, float* out) {
  for (int64_t r = 0; r < matrix.rows; ++r) {
    for (int64_t c = 0; c < matrix.cols; ++c) {
      const int64_t i = r * matrix.cols + c;
      out[i] = matrix.scale(r, c) * static_cast<float>(matrix.codes[static_cast<std::size_t>(i)]);
    }
  }
}

}  // namespace onebit
