// Several matrices in one pass equal each alone; int8 packing of float matrices.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "emulation/emulation.h"
#include "kernels/dispatch.h"
#include "ops/linear.h"
#include "ops/ops_testing.h"
#include "ops/rows.h"

namespace onebit {
namespace {

// Rows of floats in `type`'s disk layout.
std::vector<uint8_t> on_disk(TensorType type, const std::vector<float>& w, int64_t rows,
                             int64_t cols) {
  const Format& f = format(type);
  std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(rows, cols)));
  f.from_float(w.data(), rows, cols, bytes.data());
  return bytes;
}

// A matrix of random signs with a scale per 128 columns.
Linear binary(int64_t rows, int64_t cols, uint64_t seed, ActQuant quant) {
  CodeMatrix m{.rows = rows, .cols = cols, .group = 128, .codes = {}, .scales = {}};
  for (const float x : random_floats(rows * cols, seed)) m.codes.push_back(x < 0 ? -1 : 1);
  m.scales = random_floats(rows * m.groups(), seed + 1);
  return Linear::pack(m, WeightClass::kBinary, quant);
}

TEST(LinearFused, ForwardAllEqualsEachAlone) {
  constexpr int64_t kCols = 384;
  const auto floats = random_floats(50 * kCols, 41);
  const auto bytes = on_disk(kF16, floats, 50, kCols);
  const auto quant = ActQuant::kInt8Group;
  const Linear linears[] = {binary(300, kCols, 42, quant), binary(17, kCols, 43, quant),
                            Linear::pack_int8(format(kF16), bytes.data(), 50, kCols),
                            Linear::rows(format(kF16), bytes.data(), 50, kCols),
                            binary(130, kCols, 44, quant)};
  for (const Kernels* kernels : quick_kernels()) {
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      const OpContext ctx{pool, *kernels};
      for (const int64_t tokens : {1, 2, 40, 300}) {
        const auto x = random_floats(tokens * kCols, 45);
        Activations acts(tokens, kCols);
        acts.set(ctx, x.data(), tokens, kCols, quant);
        std::vector<std::vector<float>> y;
        std::vector<LinearTarget> targets;
        for (const Linear& l : linears)
          y.emplace_back(static_cast<std::size_t>(tokens * l.n_rows()));
        for (std::size_t i = 0; i < y.size(); ++i) targets.push_back({&linears[i], y[i].data()});
        forward_all(ctx, acts, targets);
        for (std::size_t i = 0; i < y.size(); ++i) {
          ASSERT_EQ(y[i], apply(ctx, linears[i], x, quant)) << kernels->isa << ' ' << threads;
        }
      }
    }
  }
}

TEST(LinearFused, ForwardGatedEqualsItsSteps) {
  constexpr int64_t kCols = 256;
  constexpr int64_t kRows = 700;
  for (const auto quant : {ActQuant::kInt8, ActQuant::kInt8Group, ActQuant::kSign}) {
    const Linear gate = binary(kRows, kCols, 51, quant);
    const Linear up = binary(kRows, kCols, 52, quant);
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      const OpContext ctx{pool, default_kernels()};
      for (const int64_t tokens : {1, 5, 600}) {
        const auto x = random_floats(tokens * kCols, 53);
        auto expected = apply(ctx, gate, x, quant);
        const auto up_y = apply(ctx, up, x, quant);
        gated_rows(ctx, Activation::kSilu, expected.data(), up_y.data(), tokens * kRows,
                   expected.data());
        Activations acts(tokens, kCols);
        acts.set(ctx, x.data(), tokens, kCols, quant);
        std::vector<float> y(expected.size());
        forward_gated(ctx, acts, gate, up, Activation::kSilu, y.data());
        ASSERT_EQ(y, expected) << threads << ' ' << tokens;
      }
    }
  }
}

// Rows that stay f32, and a gate and an up of different kinds.
TEST(LinearFused, ForwardGatedTakesAnyKind) {
  constexpr int64_t kCols = 128;
  constexpr int64_t kRows = 20;
  const auto bytes = on_disk(kF16, random_floats(kRows * kCols, 54), kRows, kCols);
  const auto x = random_floats(2 * kCols, 55);
  ThreadPool pool(2);
  const OpContext ctx{pool, default_kernels()};
  const auto quant = ActQuant::kInt8Group;
  const Linear gate = binary(kRows, kCols, 56, quant);
  const Linear up = Linear::rows(format(kF16), bytes.data(), kRows, kCols);
  auto expected = apply(ctx, gate, x, quant);
  const auto up_y = apply(ctx, up, x, quant);
  gated_rows(ctx, Activation::kRelu2, expected.data(), up_y.data(), 2 * kRows, expected.data());
  Activations acts(2, kCols);
  acts.set(ctx, x.data(), 2, kCols, quant);
  std::vector<float> y(expected.size());
  forward_gated(ctx, acts, gate, up, Activation::kRelu2, y.data());
  EXPECT_EQ(y, expected);
}

// 8 bits, and 6 bits in the packing that a kernel for them reads or in the one without.
struct Bits {
  decltype(&Linear::pack_int8) pack;
  float largest;
  const Kernels* kernels;
};

TEST(LinearInt8, FollowsTheRuleForEveryFloatFormat) {
  const Kernels& scalar = find_kernels("scalar");
  for (const auto& [pack, largest, packed_for] : {Bits{Linear::pack_int8, 127.0f, nullptr},
                                                  {Linear::pack_int6, 31.0f, &scalar},
                                                  {Linear::pack_int6, 31.0f, nullptr}}) {
    constexpr int64_t kRows = 37;
    constexpr int64_t kCols = 256;
    auto w = random_floats(kRows * kCols, 61);
    std::fill_n(w.begin() + 3 * kCols, kCols, 0.0f);  // a row of zeros
    for (const auto type : {kF32, kF16, kBF16, kQ8_0, kQ4_0}) {
      const Format& f = format(type);
      const auto bytes = on_disk(type, w, kRows, kCols);
      const WeightFixes fixes{.multiplier = 0.7f,
                              .row_order = [](int64_t row) { return (row * 5 + 3) % kRows; }};
      const auto linear = pack(f, bytes.data(), kRows, kCols, fixes, {.kernels = packed_for});
      EXPECT_TRUE(linear.is_packed());
      const int64_t row_bytes = packed_for == nullptr ? kCols : kCols * 6 / 8;
      EXPECT_EQ(linear.bytes(), 48 * (row_bytes + 4));
      std::vector<float> row(kCols);
      std::vector<float> found(kCols);
      std::vector<float> expected(kCols);
      for (int64_t r = 0; r < kRows; ++r) {
        f.to_float(bytes.data(), kRows, kCols, fixes.row_order(r), row.data());
        float absmax = 0;
        for (float& v : row) absmax = std::max(absmax, std::fabs(v *= 0.7f));
        const float scale = absmax / largest;
        for (std::size_t c = 0; c < kCols; ++c) {
          expected[c] = scale > 0 ? std::nearbyint(row[c] / scale) * scale : 0.0f;
          ASSERT_LE(std::fabs(expected[c] - row[c]), scale * 0.5001f);
        }
        linear.row_to_float(r, found.data());
        ASSERT_EQ(found, expected) << f.name << " row " << r;
      }
      // The product of looked-up rows with the quantised activations, near enough.
      ThreadPool pool(2);
      const auto x = random_floats(2 * kCols, 62);
      for (const Kernels* kernels : quick_kernels()) {
        if (packed_for != nullptr && kernels->matmul[static_cast<int>(Packing::kInt6)] == nullptr) {
          continue;
        }
        const OpContext ctx{pool, *kernels};
        const auto y = apply(ctx, linear, x, ActQuant::kInt8Group);
        for (int64_t r = 0; r < kRows; ++r) {
          linear.row_to_float(r, found.data());
          for (int64_t m = 0; m < 2; ++m) {
            double sum = 0;
            double slack = 1e-6;
            for (int64_t c = 0; c < kCols; ++c) {
              sum += static_cast<double>(found[static_cast<std::size_t>(c)]) *
                     x[static_cast<std::size_t>(m * kCols + c)];
              slack += std::fabs(found[static_cast<std::size_t>(c)]) * 4.0 / 127 / 2;
            }
            ASSERT_NEAR(y[static_cast<std::size_t>(m * kRows + r)], sum, slack) << f.name;
          }
        }
      }
    }
  }
}

// Codes of 6 bits lie in 6 bits where the kernels read those, in 8 where they do not: no result
// tells.
TEST(LinearInt6, IsTheSameInBothPackings) {
  constexpr int64_t kRows = 83;
  ThreadPool pool(2);
  int n_packed = 0;
  for (const int64_t cols : {5, 64, 200, 1030}) {
    const auto bytes = on_disk(kF16, random_floats(kRows * cols, 71), kRows, cols);
    const auto pack = [&](const Kernels* kernels) {
      return Linear::pack_int6(format(kF16), bytes.data(), kRows, cols, {}, {.kernels = kernels});
    };
    const Linear wide = pack(nullptr);
    const auto x = random_floats(37 * cols, 72);
    const OpContext scalar{pool, find_kernels("scalar")};
    const auto expected = apply(scalar, wide, x, ActQuant::kInt8Group);
    for (const Kernels* kernels : quick_kernels()) {
      const Linear linear = pack(kernels);
      const bool narrow = kernels->matmul[static_cast<int>(Packing::kInt6)] != nullptr;
      EXPECT_EQ(linear.bytes() < wide.bytes(), narrow) << kernels->isa;
      n_packed += narrow ? 1 : 0;
      EXPECT_EQ(apply({pool, *kernels}, linear, x, ActQuant::kInt8Group), expected)
          << kernels->isa << ' ' << cols;
      std::vector<float> a(static_cast<std::size_t>(cols)), b(a.size());
      for (int64_t row = 0; row < kRows; ++row) {
        linear.row_to_float(row, a.data());
        wide.row_to_float(row, b.data());
        ASSERT_EQ(a, b);
      }
    }
  }
  EXPECT_GE(n_packed, 4);  // scalar reads both
}

TEST(LinearInt8, TakesTinyRowsAndRefusesWhatIsNotFinite) {
  std::vector<float> w(64, 1e-45f);
  w[5] = -3e-44f;
  std::vector<float> row(64);
  Linear::pack_int8(format(kF32), on_disk(kF32, w, 1, 64).data(), 1, 64)
      .row_to_float(0, row.data());
  for (const float v : row) EXPECT_TRUE(std::isfinite(v));
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    w[7] = bad;
    const auto bytes = on_disk(kF32, w, 1, 64);
    EXPECT_THROW(Linear::pack_int8(format(kF32), bytes.data(), 1, 64), Error);
  }
  w[7] = 3e38f;
  const auto bytes = on_disk(kF32, w, 1, 64);
  EXPECT_THROW(Linear::pack_int8(format(kF32), bytes.data(), 1, 64, {.multiplier = 2.0f}), Error);
}

}  // namespace
}  // namespace onebit
