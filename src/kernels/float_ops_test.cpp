// FloatOps: the same bits on every ISA, and right against double-precision formulas.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/checked.h"
#include "base/half.h"
#include "base/rng.h"
#include "kernels/dispatch.h"

namespace onebit {
namespace {

std::vector<float> random_floats(int64_t n, uint64_t seed, double scale = 1.0) {
  Rng rng(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(rng.normal() * scale);
  return v;
}

const FloatOps& scalar() {
  return find_kernels("scalar").floats;
}

const std::vector<int64_t> kLengths = {1,  2,  7,   15,  16,  17,  31,  32,
                                       33, 64, 100, 128, 255, 256, 1000};

// Runs `f(ops, out)` with every usable ISA and expects the same bytes as from scalar.
template <typename T, typename F>
void expect_same_bits(int64_t n_out, F f) {
  std::vector<T> expected(static_cast<std::size_t>(n_out));
  f(scalar(), expected.data());
  for (const Kernels* kernels : usable_kernels()) {
    std::vector<T> found(static_cast<std::size_t>(n_out));
    f(kernels->floats, found.data());
    ASSERT_EQ(0, std::memcmp(expected.data(), found.data(), found.size() * sizeof(T)))
        << kernels->isa;
  }
}

TEST(FloatOps, EveryIsaGivesTheBitsOfScalar) {
  for (const int64_t n : kLengths) {
    const auto a = random_floats(n, 1, 2.0);
    const auto b = random_floats(n, 2);
    const auto copy = [&](float* out) { std::copy(a.begin(), a.end(), out); };
    expect_same_bits<float>(1, [&](const FloatOps& f, float* o) { *o = f.dot(&a[0], &b[0], n); });
    expect_same_bits<float>(
        n, [&](const FloatOps& f, float* o) { f.rms_norm(&a[0], &b[0], 1e-5f, n, o); });
    expect_same_bits<float>(n, [&](const FloatOps& f, float* o) {
      copy(o);
      f.softmax(o, n);
    });
    expect_same_bits<float>(n,
                            [&](const FloatOps& f, float* o) { f.relu2_mul(&a[0], &b[0], n, o); });
    expect_same_bits<float>(
        n, [&](const FloatOps& f, float* o) { f.signed_square_mul(&a[0], &b[0], n, o); });
    expect_same_bits<float>(n,
                            [&](const FloatOps& f, float* o) { f.silu_mul(&a[0], &b[0], n, o); });
    expect_same_bits<float>(
        n, [&](const FloatOps& f, float* o) { f.gelu_tanh_mul(&a[0], &b[0], n, o); });
    expect_same_bits<float>(n, [&](const FloatOps& f, float* o) {
      copy(o);
      f.add(o, &b[0], n);
    });
    expect_same_bits<float>(n, [&](const FloatOps& f, float* o) {
      copy(o);
      f.scale(o, 0.3f, n);
    });
    if (n % 2 == 0) {
      expect_same_bits<float>(n, [&](const FloatOps& f, float* o) {
        copy(o);
        f.rope(o, &b[0], &b[0] + n / 2, n / 2);
      });
    }
    const int64_t padded = round_up(n, kColumnPad);
    expect_same_bits<int8_t>(padded + 4, [&](const FloatOps& f, int8_t* o) {
      std::vector<int32_t> sums(static_cast<std::size_t>(padded / kSumBlock));
      const float scale = f.quantize_i8(&a[0], n, padded, o, sums.data());
      std::memcpy(o + padded, &scale, 4);
    });
    expect_same_bits<int8_t>(padded + padded / 8, [&](const FloatOps& f, int8_t* o) {
      std::vector<int32_t> sums(static_cast<std::size_t>(padded / kSumBlock));
      std::vector<float> scales(static_cast<std::size_t>(padded / kActGroup));
      f.quantize_i8_groups(&a[0], n, padded, o, sums.data(), scales.data());
      std::memcpy(o + padded, scales.data(), scales.size() * 4);
    });
    expect_same_bits<uint8_t>(padded / 8 + 4, [&](const FloatOps& f, uint8_t* o) {
      const float scale = f.quantize_sign(&a[0], n, padded, o);
      std::memcpy(o + padded / 8, &scale, 4);
    });
  }
}

TEST(FloatOps, RowsDotReadsEveryFormatAlikeOnEveryIsa) {
  Rng rng(9);
  for (const int64_t n : {32, 64, 160, 512}) {
    const auto x = random_floats(n, 10);
    for (const auto& [format, row_bytes] :
         {std::pair{RowFormat::kF32, n * 4}, std::pair{RowFormat::kF16, n * 2},
          std::pair{RowFormat::kBF16, n * 2}, std::pair{RowFormat::kQ8_0, n / 32 * 34}}) {
      constexpr int64_t kRows = 7;
      std::vector<uint8_t> rows(static_cast<std::size_t>(kRows * row_bytes));
      std::vector<float> values(static_cast<std::size_t>(kRows * n));
      for (int64_t r = 0; r < kRows; ++r) {
        for (int64_t c = 0; c < n; ++c) {
          uint8_t* row = rows.data() + r * row_bytes;
          float& value = values[static_cast<std::size_t>(r * n + c)];
          if (format == RowFormat::kQ8_0) {
            uint8_t* block = row + c / 32 * 34;
            const uint16_t d = f32_to_f16(0.01f * static_cast<float>(1 + c / 32));
            const auto q = static_cast<int8_t>(rng.below(256));
            std::memcpy(block, &d, 2);
            std::memcpy(block + 2 + c % 32, &q, 1);
            value = f16_to_f32(d) * static_cast<float>(q);
          } else if (format == RowFormat::kF32) {
            value = static_cast<float>(rng.normal());
            std::memcpy(row + c * 4, &value, 4);
          } else {
            // subnormals of binary16 among them
            const auto f = static_cast<float>(rng.normal() * (c % 9 == 0 ? 1e-6 : 1.0));
            const bool is_f16 = format == RowFormat::kF16;
            const uint16_t h = is_f16 ? f32_to_f16(f) : f32_to_bf16(f);
            std::memcpy(row + c * 2, &h, 2);
            value = is_f16 ? f16_to_f32(h) : bf16_to_f32(h);
          }
        }
      }
      std::vector<float> out(kRows);
      for (const Kernels* kernels : usable_kernels()) {
        kernels->floats.rows_dot(format, rows.data(), row_bytes, kRows, x.data(), n, out.data());
        for (int64_t r = 0; r < kRows; ++r) {
          ASSERT_EQ(out[static_cast<std::size_t>(r)], scalar().dot(&values[r * n], &x[0], n))
              << kernels->isa << " format " << static_cast<int>(format);
        }
      }
    }
  }
}

// Values of every kind: subnormal in binary16, ties, past its largest, infinite.
std::vector<float> hard_for_f16(int64_t n, uint64_t seed) {
  auto v = random_floats(n, seed, 2.0);
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (i % 7 == 1) v[i] *= 1e-6f;
    if (i % 7 == 2) v[i] *= 2e4f;
    if (i % 7 == 3) v[i] = f16_to_f32(static_cast<uint16_t>(i * 37)) * (1 + 0x1p-11f);
  }
  v[0] = -std::numeric_limits<float>::infinity();
  return v;
}

TEST(FloatOps, KvStoreRoundsIntoItsPlaceAndNowhereElse) {
  for (const int64_t n : {2, 16, 20, 64, 100}) {
    const auto k = hard_for_f16(n, 20);
    const auto v = hard_for_f16(n, 21);
    const auto f16_bytes = static_cast<std::size_t>(kv_head_bytes(KvType::kF16, n));
    std::vector<uint16_t> expected(f16_bytes / 2, 0x1234);
    constexpr int64_t kPosition = 37;
    const int64_t row = kv_value_row(n);
    for (int64_t d = 0; d < n; ++d) {
      expected[static_cast<std::size_t>((kPosition / 16 * n + d) * 16 + kPosition % 16)] =
          f32_to_f16(k[static_cast<std::size_t>(d)]);
      expected[static_cast<std::size_t>(kKvBlock * n + kPosition * row + d)] =
          f32_to_f16(v[static_cast<std::size_t>(d)]);
    }
    std::vector<float> exact(static_cast<std::size_t>(kv_head_bytes(KvType::kF32, n)) / 4, 0.5f);
    for (int64_t d = 0; d < n; ++d) {
      exact[static_cast<std::size_t>((kPosition / 16 * n + d) * 16 + kPosition % 16)] =
          k[static_cast<std::size_t>(d)];
      exact[static_cast<std::size_t>(kKvBlock * n + kPosition * row + d)] =
          v[static_cast<std::size_t>(d)];
    }
    const auto small = random_floats(n, 22, 3.0);
    for (const Kernels* kernels : usable_kernels()) {
      std::vector<uint16_t> head(f16_bytes / 2, 0x1234);
      kernels->floats.kv_store(KvType::kF16, k.data(), v.data(), n, kPosition,
                               reinterpret_cast<uint8_t*>(head.data()));
      ASSERT_EQ(head, expected) << kernels->isa << ' ' << n;
      std::vector<float> floats(exact.size(), 0.5f);
      kernels->floats.kv_store(KvType::kF32, k.data(), v.data(), n, kPosition,
                               reinterpret_cast<uint8_t*>(floats.data()));
      ASSERT_EQ(floats, exact) << kernels->isa << ' ' << n;
      std::vector<float> memory(static_cast<std::size_t>(kv_head_bytes(KvType::kInt8, n) / 4));
      auto* codes = reinterpret_cast<int8_t*>(memory.data());
      kernels->floats.kv_store(KvType::kInt8, small.data(), small.data(), n, kPosition,
                               reinterpret_cast<uint8_t*>(codes));
      float absmax = 0;
      for (const float x : small) absmax = std::max(absmax, std::fabs(x));
      for (const int64_t scales : {int64_t{0}, kKvBlock}) {
        const auto at = kKvBlock * (n + row) / 4 + scales + kPosition;
        ASSERT_EQ(memory[static_cast<std::size_t>(at)], absmax / 127.0f);
      }
      for (int64_t d = 0; d < n; ++d) {
        const float q = std::nearbyint(small[static_cast<std::size_t>(d)] * (127.0f / absmax));
        ASSERT_EQ(codes[(kPosition / 16 * n + d) * 16 + kPosition % 16], q);
        ASSERT_EQ(codes[kKvBlock * n + kPosition * row + d], q);
      }
    }
  }
}

TEST(FloatOps, ExpIsWithinTwoUlp) {
  // softmax of {x, 0} for x <= 0 is e^x / (e^x + 1) up to known roundings, so the exponential is
  // read off silu instead: silu_mul(g, 1) = g / (1 + e^-g). For very negative g it is g / e^-g.
  double worst = 0;
  for (float g = -80.0f; g < -20.0f; g += 0.00731f) {
    float up = 1.0f;
    float y = 0;
    scalar().silu_mul(&g, &up, 1, &y);
    const double found = static_cast<double>(g) / static_cast<double>(y) - 1.0;  // e^-g
    const double expected = std::exp(-static_cast<double>(g));
    worst = std::max(worst, std::fabs(found / expected - 1.0) / 0x1p-24);
  }
  EXPECT_LT(worst, 2 * 2 + 2);  // in half-ULPs: 2 ULP of exp, and two roundings of silu itself
}

TEST(FloatOps, SoftmaxSumsToOneAndKeepsExtremes) {
  std::vector<float> x = {-200.0f, 0.0f, 1.0f, -std::numeric_limits<float>::infinity()};
  scalar().softmax(x.data(), 4);
  EXPECT_EQ(x[0], 0.0f);
  EXPECT_EQ(x[3], 0.0f);
  EXPECT_NEAR(x[1], 1 / (1 + std::exp(1.0)), 1e-7);
  EXPECT_NEAR(x[2], 1 / (1 + std::exp(-1.0)), 1e-7);
  auto many = random_floats(1000, 5, 5.0);
  const auto before = many;
  scalar().softmax(many.data(), 1000);
  double sum = 0;
  double reference = 0;
  for (const float b : before) reference += std::exp(static_cast<double>(b));
  for (std::size_t i = 0; i < many.size(); ++i) {
    sum += many[i];
    const double p = std::exp(static_cast<double>(before[i])) / reference;
    EXPECT_NEAR(many[i], p, 1e-6 * p + 1e-12);
  }
  EXPECT_NEAR(sum, 1.0, 1e-5);
}

TEST(FloatOps, NormAndActivationsFollowTheirFormulas) {
  const auto x = random_floats(100, 6, 3.0);
  const auto w = random_floats(100, 7);
  std::vector<float> y(100);
  scalar().rms_norm(x.data(), w.data(), 1e-5f, 100, y.data());
  double squares = 0;
  for (const float v : x) squares += static_cast<double>(v) * v;
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_NEAR(y[i], x[i] / std::sqrt(squares / 100 + 1e-5) * w[i], 1e-5);
  }
  scalar().relu2_mul(x.data(), w.data(), 100, y.data());
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_FLOAT_EQ(y[i], x[i] > 0 ? x[i] * x[i] * w[i] : 0.0f);
  }
  scalar().signed_square_mul(x.data(), w.data(), 100, y.data());
  for (std::size_t i = 0; i < 100; ++i) EXPECT_FLOAT_EQ(y[i], x[i] * std::fabs(x[i]) * w[i]);
  scalar().silu_mul(x.data(), w.data(), 100, y.data());
  for (std::size_t i = 0; i < 100; ++i) {
    const double g = x[i];
    EXPECT_NEAR(y[i], g / (1 + std::exp(-g)) * w[i], 1e-5);
  }
}

TEST(FloatOps, Int8ActivationsRoundHalfToEvenAndNeverReachMinus128) {
  // absmax 127 makes r = 1, so the values themselves are rounded.
  std::vector<float> x = {127.0f, -127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.49f};
  std::vector<int8_t> q(64);
  std::vector<int32_t> sums(2);
  const float scale = scalar().quantize_i8(x.data(), 8, 64, q.data(), sums.data());
  EXPECT_EQ(scale, 1.0f);
  EXPECT_EQ(std::vector<int8_t>(q.begin(), q.begin() + 9),
            (std::vector<int8_t>{127, -127, 0, 2, 2, 0, -2, 126, 0}));
  EXPECT_EQ(sums, (std::vector<int32_t>{128, 0}));

  const auto r = random_floats(100, 8, 1e-3);
  q.assign(128, 1);
  sums.assign(4, 0);
  const float s = scalar().quantize_i8(r.data(), 100, 128, q.data(), sums.data());
  float absmax = 0;
  for (const float v : r) absmax = std::max(absmax, std::fabs(v));
  EXPECT_EQ(s, absmax / 127.0f);
  for (std::size_t i = 0; i < 128; ++i) {
    EXPECT_EQ(q[i], i < 100 ? std::nearbyint(r[i] * (127.0f / absmax)) : 0);
  }
  const std::vector<float> zeros(16, 0.0f);
  EXPECT_EQ(scalar().quantize_i8(zeros.data(), 16, 64, q.data(), sums.data()), 1e-5f / 127.0f);
}

TEST(FloatOps, Int8GroupsAreTokensOfTheirOwn) {
  for (const int64_t n : {1, 31, 32, 33, 64, 100, 3200}) {
    const int64_t padded = round_up(n, kColumnPad);
    auto x = random_floats(n, 9);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= static_cast<float>(1 + i / 32 * 50);
    std::vector<int8_t> q(static_cast<std::size_t>(padded), 1);
    std::vector<int32_t> sums(static_cast<std::size_t>(padded / kSumBlock), 1);
    std::vector<float> scales(static_cast<std::size_t>(padded / kActGroup), 1.0f);
    scalar().quantize_i8_groups(x.data(), n, padded, q.data(), sums.data(), scales.data());
    for (int64_t begin = 0; begin < padded; begin += kActGroup) {
      const auto g = static_cast<std::size_t>(begin / kActGroup);
      float absmax = 1e-5f;
      for (int64_t c = begin; c < std::min(begin + kActGroup, n); ++c) {
        absmax = std::max(absmax, std::fabs(x[static_cast<std::size_t>(c)]));
      }
      EXPECT_EQ(scales[g], absmax / 127.0f);
      int32_t sum = 0;
      for (int64_t c = begin; c < begin + kActGroup; ++c) {
        const auto i = static_cast<std::size_t>(c);
        ASSERT_EQ(q[i], c < n ? std::nearbyint(x[i] * (127.0f / absmax)) : 0);
        sum += q[i];
      }
      EXPECT_EQ(sums[g], sum);
    }
  }
}

TEST(FloatOps, GeluIsWithinOneUlpOfItsArgumentAndHasItsLimits) {
  const auto gelu = [](float g) {
    const float one = 1.0f;
    float y = 0;
    scalar().gelu_tanh_mul(&g, &one, 1, &y);
    return y;
  };
  const double pi = std::acos(-1.0);
  double worst = 0;
  for (float g = -12.0f; g < 12.0f; g += 0.000731f) {
    const double x = g;
    const double z = std::sqrt(2 / pi) * (x + 0.044715 * x * x * x);
    const double expected = x / (1 + std::exp(-2 * z));  // 0.5 x (1 + tanh z) without cancellation
    EXPECT_NEAR(expected, 0.5 * x * (1 + std::tanh(z)), 1e-14);
    worst = std::max(worst, std::fabs(gelu(g) - expected) / std::fabs(x) / 0x1p-23);
  }
  EXPECT_LT(worst, 1.0);
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(gelu(0.0f), 0.0f);
  for (const float g : {9.0f, 1e4f, 1e15f, 3e38f, infinity}) EXPECT_EQ(gelu(g), g);
  for (const float g : {-11.0f, -1e4f, -1e15f, -3e38f, -infinity}) EXPECT_EQ(gelu(g), 0.0f) << g;
  EXPECT_TRUE(std::isnan(gelu(std::numeric_limits<float>::quiet_NaN())));
}

TEST(FloatOps, SignActivationsTakeZeroAsPlusOne) {
  const std::vector<float> x = {0.0f, -0.0f, -1.0f, 3.0f};
  std::vector<uint8_t> bits(8, 0xff);
  EXPECT_EQ(scalar().quantize_sign(x.data(), 4, 64, bits.data()), 1.0f);
  EXPECT_EQ(bits, (std::vector<uint8_t>{0b1011, 0, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace onebit
