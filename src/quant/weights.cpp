#include "quant/weights.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/half.h"

namespace onebit {
namespace {

// Sum of |w| in double: lane l of 8 adds values l, l + 8, ... in turn, then lanes are added in
// order.
double sum_abs(const float* w, int64_t n) {
  std::array<double, 8> lanes{};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t l = 0; l < 8; ++l) lanes[static_cast<std::size_t>(l)] += std::fabs(w[i + l]);
  }
  for (int64_t l = 0; i < n; ++i, ++l) lanes[static_cast<std::size_t>(l)] += std::fabs(w[i]);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

float absmean_scale(double sum, int64_t count, WeightClass weight_class, ScaleType type) {
  auto scale = static_cast<float>(sum / static_cast<double>(count));
  if (weight_class == WeightClass::kTernary) scale = std::max(scale, 1e-5f);
  return type == ScaleType::kF16 ? f16_to_f32(f32_to_f16(scale)) : scale;
}

void quantize_span(const float* w, int64_t n, WeightClass weight_class, float scale,
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

}  // namespace

CodeMatrix quantize_weights(const float* weights, int64_t rows, int64_t cols,
                            WeightClass weight_class, Granularity granularity, ScaleType type) {
  ONEBIT_CHECK(weight_class != WeightClass::kFloat && rows > 0 && cols > 0);
  CodeMatrix matrix;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.group = granularity == Granularity::kGroup128 ? kScaleGroup : cols;
  matrix.codes.resize(static_cast<std::size_t>(rows * cols));
  if (granularity == Granularity::kTensor) {
    const float scale =
        absmean_scale(sum_abs(weights, rows * cols), rows * cols, weight_class, type);
    matrix.scales = {scale};
    quantize_span(weights, rows * cols, weight_class, scale, matrix.codes.data());
    return matrix;
  }
  matrix.scales.reserve(static_cast<std::size_t>(rows * matrix.groups()));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; c += matrix.group) {
      const int64_t n = std::min(matrix.group, cols - c);
      const float* w = weights + r * cols + c;
      const float scale = absmean_scale(sum_abs(w, n), n, weight_class, type);
      matrix.scales.push_back(scale);
      quantize_span(w, n, weight_class, scale, matrix.codes.data() + r * cols + c);
    }
  }
  return matrix;
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
