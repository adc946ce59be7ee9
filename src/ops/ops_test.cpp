// Operators against naive versions, on every ISA and several thread counts.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/half.h"
#include "base/rng.h"
#include "kernels/dispatch.h"
#include "ops/rows.h"
#include "quant/weights.h"

namespace onebit {
namespace {

std::vector<float> random_floats(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(rng.normal());
  return v;
}

// y = W Q(x) in double from the definitions alone.
std::vector<double> naive_linear(const CodeMatrix& w, const std::vector<float>& x, ActQuant quant) {
  const auto tokens = static_cast<int64_t>(x.size()) / w.cols;
  std::vector<double> y;
  for (int64_t m = 0; m < tokens; ++m) {
    double absmax = 1e-5;
    double mean = 0;
    for (int64_t c = 0; c < w.cols; ++c) {
      const double a = std::fabs(x[static_cast<std::size_t>(m * w.cols + c)]);
      absmax = std::max(absmax, a);
      mean += a / static_cast<double>(w.cols);
    }
    for (int64_t r = 0; r < w.rows; ++r) {
      double sum = 0;
      for (int64_t c = 0; c < w.cols; ++c) {
        const float v = x[static_cast<std::size_t>(m * w.cols + c)];
        const double a =
            quant == ActQuant::kSign
                ? (v >= 0 ? mean : -mean)
                : std::nearbyint(v * (127.0f / static_cast<float>(absmax))) * absmax / 127;
        sum += a * w.scale(r, c) * w.codes[static_cast<std::size_t>(r * w.cols + c)];
      }
      y.push_back(sum);
    }
  }
  return y;
}

TEST(Linear, EqualsTheDefinitionForEveryPackingIsaThreadCountAndShape) {
  for (const auto& [rows, cols, tokens] : {std::tuple<int64_t, int64_t, int64_t>{16, 64, 1},
                                           {33, 100, 3},
                                           {5, 128, 9},
                                           {48, 300, 8},
                                           {17, 384, 20}}) {
    const auto x = random_floats(tokens * cols, 11);
    const auto latent = random_floats(rows * cols, 12);
    for (const auto weight_class : {WeightClass::kTernary, WeightClass::kBinary}) {
      for (const auto quant : {ActQuant::kInt8, ActQuant::kSign}) {
        if (quant == ActQuant::kSign && weight_class == WeightClass::kTernary) continue;
        for (const auto granularity :
             {Granularity::kTensor, Granularity::kRow, Granularity::kGroup128}) {
          const auto w = quantize_weights(latent.data(), rows, cols, weight_class, granularity,
                                          ScaleType::kF32);
          const auto expected = naive_linear(w, x, quant);
          std::vector<float> first;
          for (const Kernels* kernels : usable_kernels()) {
            for (const int threads : {1, 3}) {
              ThreadPool pool(threads);
              const OpContext ctx{pool, *kernels};
              const auto linear = Linear::pack(w, weight_class, quant);
              Activations acts(tokens, cols);
              acts.set(ctx, x.data(), tokens, cols, quant);
              std::vector<float> y(static_cast<std::size_t>(tokens * rows));
              linear.forward(ctx, acts, y.data());
              for (std::size_t i = 0; i < y.size(); ++i) {
                ASSERT_NEAR(y[i], expected[i], 1e-4 * (1 + std::fabs(expected[i])));
              }
              if (first.empty()) first = y;
              ASSERT_EQ(first, y) << kernels->isa << ' ' << threads;  // bit for bit
              acts.set(ctx, x.data() + (tokens - 1) * cols, 1, cols, quant);
              std::vector<float> alone(static_cast<std::size_t>(rows));
              linear.forward(ctx, acts, alone.data());
              for (int64_t r = 0; r < rows; ++r) {  // a token's company does not matter
                ASSERT_EQ(alone[static_cast<std::size_t>(r)],
                          y[static_cast<std::size_t>((tokens - 1) * rows + r)]);
              }
            }
          }
        }
      }
    }
  }
}

TEST(Linear, FromDiskEqualsFromCodes) {
  const int64_t rows = 20;
  const int64_t cols = 256;
  const auto latent = random_floats(rows * cols, 13);
  const auto x = random_floats(2 * cols, 14);
  ThreadPool pool(1);
  const OpContext ctx{pool, default_kernels()};
  for (const auto& [type, weight_class, granularity] :
       {std::tuple{kI2_S, WeightClass::kTernary, Granularity::kTensor},
        std::tuple{kTQ2_0, WeightClass::kTernary, Granularity::kRow},
        std::tuple{kTQ2_0, WeightClass::kTernary, Granularity::kTensor},
        std::tuple{kQ1_0, WeightClass::kBinary, Granularity::kTensor},
        std::tuple{kQ2_0, WeightClass::kTernary, Granularity::kGroup128},
        std::tuple{kQ1_0, WeightClass::kBinary, Granularity::kGroup128}}) {
    const auto w =
        quantize_weights(latent.data(), rows, cols, weight_class, granularity, ScaleType::kF16);
    const Format& f = format(type);
    std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(rows, cols)));
    f.from_codes(w, bytes.data());
    Activations acts(2, cols);
    acts.set(ctx, x.data(), 2, cols, ActQuant::kInt8);
    std::vector<float> a(static_cast<std::size_t>(2 * rows));
    std::vector<float> b(a.size());
    Linear::pack(w, weight_class, ActQuant::kInt8).forward(ctx, acts, a.data());
    Linear::pack(f, bytes.data(), rows, cols, ActQuant::kInt8).forward(ctx, acts, b.data());
    ASSERT_EQ(a, b) << f.name;  // bit for bit, though the file may repeat scales per block
  }
}

TEST(Linear, FloatRowsAndLookup) {
  const int64_t rows = 19;
  const int64_t cols = 64;
  const auto w = random_floats(rows * cols, 15);
  const auto x = random_floats(3 * cols, 16);
  ThreadPool pool(2);
  const OpContext ctx{pool, default_kernels()};
  for (const auto type : {kF32, kF16, kBF16, kQ8_0, kQ4_0}) {
    const Format& f = format(type);
    std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(rows, cols)));
    f.from_float(w.data(), rows, cols, bytes.data());
    const auto linear = Linear::rows(f, bytes.data(), rows, cols, {.multiplier = 2.0f});
    Activations acts(3, cols);
    acts.set(ctx, x.data(), 3, cols, ActQuant::kF32);
    std::vector<float> y(static_cast<std::size_t>(3 * rows));
    linear.forward(ctx, acts, y.data());
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<float> row(static_cast<std::size_t>(cols));
      linear.row_to_float(r, row.data());
      for (int64_t m = 0; m < 3; ++m) {
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c) {
          sum += static_cast<double>(row[static_cast<std::size_t>(c)]) *
                 x[static_cast<std::size_t>(m * cols + c)];
        }
        ASSERT_NEAR(y[static_cast<std::size_t>(m * rows + r)], sum, 2e-4) << f.name;
      }
    }
  }
}

TEST(Rope, TurnsPairsHalfAHeadApart) {
  const RopeTable table(50, 8, 10000.0f);
  ThreadPool pool(1);
  const OpContext ctx{pool, default_kernels()};
  auto x = random_floats(2 * 3 * 8, 17);  // 2 tokens, 3 heads
  const auto before = x;
  rope_rows(ctx, table, 41, 2, 3, x.data());
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

TEST(Attention, IsCausalAndGrouped) {
  const AttentionShape shape{4, 2, 20};
  const int64_t first = 3;
  const int64_t tokens = 3;
  const int64_t row = shape.n_kv_heads * shape.head_dim;
  const auto q = random_floats(tokens * shape.n_heads * shape.head_dim, 18);
  auto k = random_floats((first + tokens) * row, 19);
  auto v = random_floats((first + tokens) * row, 20);
  ThreadPool pool(3);
  const OpContext ctx{pool, default_kernels()};
  std::vector<float> out(q.size());
  attention_rows(ctx, shape, q.data(), {k.data(), v.data(), row}, first, tokens, out.data());
  for (int64_t m = 0; m < tokens; ++m) {
    for (int64_t h = 0; h < shape.n_heads; ++h) {
      const int64_t kv_offset = h / 2 * shape.head_dim;
      const float* query = q.data() + (m * shape.n_heads + h) * shape.head_dim;
      std::vector<double> p;
      double total = 0;
      for (int64_t t = 0; t <= first + m; ++t) {
        double score = 0;
        for (int64_t d = 0; d < shape.head_dim; ++d) {
          score +=
              static_cast<double>(query[d]) * k[static_cast<std::size_t>(t * row + kv_offset + d)];
        }
        p.push_back(std::exp(score / std::sqrt(20.0)));
        total += p.back();
      }
      for (int64_t d = 0; d < shape.head_dim; ++d) {
        double expected = 0;
        for (std::size_t t = 0; t < p.size(); ++t) {
          expected +=
              p[t] / total *
              v[t * static_cast<std::size_t>(row) + static_cast<std::size_t>(kv_offset + d)];
        }
        ASSERT_NEAR(out[static_cast<std::size_t>((m * shape.n_heads + h) * shape.head_dim + d)],
                    expected, 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace onebit
