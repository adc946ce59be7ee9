// Operators against naive versions, on every ISA and several thread counts.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/dispatch.h"
#include "ops/ops_testing.h"
#include "ops/rows.h"

namespace onebit {
namespace {

TEST(Rope, TurnsPairsHalfAHeadApart) {
  const RopeTable table(50, 8, 10000.0f);
  ThreadPool pool(1);
  const OpContext ctx{pool, default_kernels()};
  auto x = random_floats(2 * 3 * 8, 17);  // 2 tokens, 3 heads
  const auto before = x;
  rope_rows(ctx, table, std::array<int64_t, 2>{41, 42}, 3, x.data());
  for (std::size_t m = 0; m < 2; ++m) {
    for (std::size_t h = 0; h < 3; ++h) {
      for (std::size_t i = 0; i < 4; ++i) {
        const double angle = static_cast<double>(41 + m) * std::pow(10000.0, -2.0 * i / 8.0);
        const double a = before[(m * 3 + h) * 8 + i];
        const double b = before[(m * 3 + h) * 8 + 4 + i];
        EXPECT_NEAR(x[(m * 3 + h) * 8 + i], a * std::cos(angle) - b * std::sin(angle), 1e-5);
        EXPECT_NEAR(x[(m * 3 + h) * 8 + 4 + i], b * std::cos(angle) + a * std::sin(angle), 1e-5);
      }
    }
  }
}

TEST(Rope, ScalingDividesFrequencies) {
  const std::vector<float> divisors = {1.0f, 2.5f, 8.0f, 32.0f};
  const RopeTable table(100, 8, 500000.0f, {.factor = 4.0f, .divisors = divisors});
  for (int64_t p = 0; p < 100; ++p) {
    for (std::size_t i = 0; i < 4; ++i) {
      const double frequency = std::pow(500000.0, -2.0 * static_cast<double>(i) / 8.0);
      const double angle = static_cast<double>(p) / 4 * frequency / divisors[i];
      EXPECT_NEAR(table.cosine(p)[i], std::cos(angle), 1e-7);
      EXPECT_NEAR(table.sine(p)[i], std::sin(angle), 1e-7);
    }
  }
  for (const float bad : {0.0f, -1.0f, 1e-30f, std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    const std::vector<float> hostile = {1.0f, 1.0f, bad, 1.0f};
    EXPECT_THROW(RopeTable(4, 8, 1e4f, {.divisors = hostile}), Error) << bad;
    EXPECT_THROW(RopeTable(4, 8, 1e4f, {.factor = bad}), Error) << bad;
  }
}

// The converter's reshape(heads, 2, half).swapaxes(1, 2), spelt out for two heads of six rows.
TEST(Rope, InterleavedRowUndoesTheConvertersPermutation) {
  const std::vector<int64_t> in_file = {0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11};
  for (int64_t row = 0; row < 12; ++row) {
    EXPECT_EQ(in_file[static_cast<std::size_t>(interleaved_row(row, 6))], row);
  }
}

TEST(Rows, NormOfHeadsIsTheNormOfEachHead) {
  const int64_t tokens = 40;
  const int64_t heads = 12;
  const int64_t head_dim = 24;
  const auto x = random_floats(tokens * heads * head_dim, 21);
  const auto weight = random_floats(head_dim, 22);
  std::vector<float> expected(x.size());
  for (std::size_t i = 0; i < x.size(); i += head_dim) {
    default_kernels().floats.rms_norm(&x[i], weight.data(), 1e-6f, head_dim, &expected[i]);
  }
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    auto y = x;
    rms_norm_rows({pool, default_kernels()}, y.data(), weight.data(), 1e-6f, tokens * heads,
                  head_dim, y.data());
    EXPECT_EQ(y, expected);
  }
}

TEST(Rows, GatedActivationsAndScale) {
  constexpr int64_t kN = 40000;  // enough for several threads
  const auto gate = random_floats(kN, 23);
  const auto up = random_floats(kN, 24);
  ThreadPool pool(3);
  const OpContext ctx{pool, default_kernels()};
  const auto gelu = [](double g) {
    return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
  };
  const auto expect = [&](Activation activation, auto f) {
    std::vector<float> y(gate.size());
    gated_rows(ctx, activation, gate.data(), up.data(), kN, y.data());
    for (std::size_t i = 0; i < y.size(); ++i) {
      ASSERT_NEAR(y[i], f(static_cast<double>(gate[i])) * up[i], 1e-5);
    }
  };
  expect(Activation::kRelu2, [](double g) { return g > 0 ? g * g : 0; });
  expect(Activation::kSignedSquare, [](double g) { return g * std::fabs(g); });
  expect(Activation::kSilu, [](double g) { return g / (1 + std::exp(-g)); });
  expect(Activation::kGeluTanh, gelu);
  auto scaled = gate;
  scale_rows(ctx, scaled.data(), 25.298221f, kN);
  for (std::size_t i = 0; i < scaled.size(); ++i) ASSERT_EQ(scaled[i], gate[i] * 25.298221f);
}

TEST(Activations, NormedRowsAreTheNormThenTheRows) {
  constexpr int64_t kTokens = 60;  // enough for several threads
  constexpr int64_t kWidth = 1000;
  const auto x = random_floats(kTokens * kWidth, 25);
  const auto weight = random_floats(kWidth, 26);
  const auto bytes_of = [](const Activations& acts) {
    std::vector<uint8_t> bytes(acts.row(0), acts.row(0) + kTokens * acts.stride());
    const auto add = [&](const auto* values, int64_t n) {
      const auto* from = reinterpret_cast<const uint8_t*>(values);
      bytes.insert(bytes.end(), from, from + n * static_cast<int64_t>(sizeof *values));
    };
    add(acts.scales(0), kTokens * acts.scales_stride());
    if (acts.quant() != ActQuant::kSign) add(acts.sums(0), kTokens * acts.sums_stride());
    return bytes;
  };
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const OpContext ctx{pool, default_kernels()};
    std::vector<float> normed(x.size());
    rms_norm_rows(ctx, x.data(), weight.data(), 1e-6f, kTokens, kWidth, normed.data());
    for (const ActQuant quant : {ActQuant::kInt8, ActQuant::kInt8Group, ActQuant::kSign}) {
      Activations expected(kTokens, kWidth);
      expected.set(ctx, normed.data(), kTokens, kWidth, quant);
      Activations found(kTokens, kWidth);
      found.set_normed(ctx, x.data(), weight.data(), 1e-6f, kTokens, kWidth, quant, nullptr);
      EXPECT_EQ(bytes_of(found), bytes_of(expected));
      EXPECT_EQ(found.x(), nullptr);
      auto y = x;
      Activations kept(kTokens, kWidth);
      kept.set_normed(ctx, y.data(), weight.data(), 1e-6f, kTokens, kWidth, quant, y.data());
      EXPECT_EQ(bytes_of(kept), bytes_of(expected));
      EXPECT_EQ(y, normed);
      EXPECT_EQ(kept.x(), y.data());
    }
    auto y = x;
    Activations floats(kTokens, kWidth);
    floats.set_normed(ctx, y.data(), weight.data(), 1e-6f, kTokens, kWidth, ActQuant::kF32,
                      y.data());
    EXPECT_EQ(y, normed);
    EXPECT_EQ(floats.x(), y.data());
  }
}

}  // namespace
}  // namespace onebit
