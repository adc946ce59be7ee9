#include "quant/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/half.h"
#include "base/rng.h"

namespace onebit {
namespace {

std::vector<float> random_weights(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> w(static_cast<std::size_t>(n));
  for (float& x : w) x = static_cast<float>(rng.normal() * 0.02);
  return w;
}

TEST(Weights, BinaryIsSignWithZeroAsPlusOne) {
  const float w[] = {0.5f, -0.25f, 0.0f, -0.0f};
  const auto m =
      quantize_weights(w, 1, 4, WeightClass::kBinary, Granularity::kTensor, ScaleType::kF32);
  EXPECT_EQ(m.codes, (std::vector<int8_t>{1, -1, 1, 1}));
  EXPECT_EQ(m.scales, std::vector<float>{0.1875f});
}

TEST(Weights, TernaryRoundsHalfToEven) {
  // mean|w| = 1: a ratio of exactly 0.5 is a tie and goes to 0, anything above to 1.
  const float w[] = {0.5f, -0.5f, 0.50001f, -0.50001f, 1.99998f, 2.50002f};
  const auto m =
      quantize_weights(w, 1, 6, WeightClass::kTernary, Granularity::kTensor, ScaleType::kF32);
  EXPECT_FLOAT_EQ(m.scales[0], 1.0833367f);
  const float tie[] = {0.5f, -0.5f, 1.5f, 1.5f};  // mean|w| = 1 exactly
  const auto t =
      quantize_weights(tie, 1, 4, WeightClass::kTernary, Granularity::kTensor, ScaleType::kF32);
  EXPECT_EQ(t.scales[0], 1.0f);
  EXPECT_EQ(t.codes, (std::vector<int8_t>{0, 0, 1, 1}));
}

TEST(Weights, TernaryEqualsThePublishedFormula) {
  const auto w = random_weights(40 * 130, 1);
  const auto m = quantize_weights(w.data(), 40, 130, WeightClass::kTernary, Granularity::kTensor,
                                  ScaleType::kF32);
  long double sum = 0;
  for (const float x : w) sum += std::fabs(x);
  EXPECT_NEAR(m.scales[0], static_cast<double>(sum / w.size()), 1e-9);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float rounded = std::nearbyint(w[i] / m.scales[0]);
    ASSERT_EQ(m.codes[i], std::fmax(-1.0f, std::fmin(1.0f, rounded)));
  }
}

TEST(Weights, GroupsAndRowsAreQuantisedAlone) {
  const int64_t rows = 3;
  const int64_t cols = 300;  // groups of 128, 128, 44
  const auto w = random_weights(rows * cols, 2);
  for (const auto weight_class : {WeightClass::kBinary, WeightClass::kTernary}) {
    const auto m = quantize_weights(w.data(), rows, cols, weight_class, Granularity::kGroup128,
                                    ScaleType::kF16);
    ASSERT_EQ(m.scales.size(), 9u);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t g = 0; g < 3; ++g) {
        const int64_t n = g < 2 ? 128 : 44;
        const auto alone = quantize_weights(w.data() + r * cols + g * 128, 1, n, weight_class,
                                            Granularity::kTensor, ScaleType::kF16);
        EXPECT_EQ(alone.scales[0], m.scale(r, g * 128));
        EXPECT_EQ(f16_to_f32(f32_to_f16(alone.scales[0])), alone.scales[0]);
        for (int64_t c = 0; c < n; ++c) {
          ASSERT_EQ(alone.codes[static_cast<std::size_t>(c)],
                    m.codes[static_cast<std::size_t>(r * cols + g * 128 + c)]);
        }
      }
    }
    const auto by_row =
        quantize_weights(w.data(), rows, cols, weight_class, Granularity::kRow, ScaleType::kF32);
    EXPECT_EQ(by_row.scales.size(), 3u);
  }
}

TEST(Weights, ZerosStayFinite) {
  const std::vector<float> w(256, 0.0f);
  const auto t = quantize_weights(w.data(), 2, 128, WeightClass::kTernary, Granularity::kGroup128,
                                  ScaleType::kF32);
  std::vector<float> back(256, 1.0f);
  dequantize_weights(t, back.data());
  for (const float x : back) EXPECT_EQ(x, 0.0f);
  EXPECT_EQ(t.scales[0], 1e-5f);
}

TEST(Weights, DequantisedIsScaleTimesCode) {
  const auto w = random_weights(2 * 256, 3);
  const auto m = quantize_weights(w.data(), 2, 256, WeightClass::kBinary, Granularity::kGroup128,
                                  ScaleType::kF16);
  std::vector<float> back(512);
  dequantize_weights(m, back.data());
  for (int64_t i = 0; i < 512; ++i) {
    const auto u = static_cast<std::size_t>(i);
    EXPECT_EQ(back[u], m.scale(i / 256, i % 256) * m.codes[u]);
  }
}

TEST(Weights, Int8AndInt6RowsRoundToTheNearestCode) {
  const std::vector<float> w = {-31, 31, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 30.6f};
  int8_t codes[8];
  EXPECT_EQ(quantize_int6(w.data(), 8, codes), 1.0f);
  EXPECT_EQ(std::vector<int8_t>(codes, codes + 8),
            (std::vector<int8_t>{-31, 31, 0, 2, 2, 0, -2, 31}));
  const auto x = random_weights(1000, 8);
  for (const auto& [quantize, largest] : {std::pair{&quantize_int8, 127}, {&quantize_int6, 31}}) {
    std::vector<int8_t> row(x.size());
    const float scale = quantize(x.data(), 1000, row.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(row[i]), largest);
      ASSERT_LE(std::fabs(static_cast<float>(row[i]) * scale - x[i]), scale * 0.5001f);
    }
    const std::vector<float> zeros(8, 0.0f);
    EXPECT_EQ(quantize(zeros.data(), 8, row.data()), 0.0f);
    EXPECT_EQ(row[7], 0);
  }
}

TEST(Weights, AbsMeanOfPartsIsThatOfTheWhole) {
  const auto w = random_weights(1000, 7);
  AbsMean whole;
  whole.add(w.data(), 1000);
  AbsMean parts;
  for (int64_t at = 0, n = 1; at < 1000; at += n, n = std::min<int64_t>(n + 6, 1000 - at)) {
    parts.add(w.data() + at, n);
  }
  EXPECT_EQ(parts.scale(WeightClass::kTernary, ScaleType::kF32),
            whole.scale(WeightClass::kTernary, ScaleType::kF32));
}

}  // namespace
}  // namespace onebit
