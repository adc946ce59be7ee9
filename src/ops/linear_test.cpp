// Panels against the definition in double, on every ISA and several thread counts.
#include "ops/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "emulation/emulation.h"
#include "kernels/dispatch.h"
#include "ops/ops_testing.h"
#include "quant/weights.h"

namespace onebit {
namespace {

// Codes and positive scales, one per `group` columns; group 0: one scale in all.
CodeMatrix random_matrix(int64_t rows, int64_t cols, int64_t group, WeightClass weight_class,
                         uint64_t seed) {
  Rng rng(seed);
  CodeMatrix m;
  m.rows = rows;
  m.cols = cols;
  m.group = group == 0 ? cols : group;
  for (int64_t i = 0; i < rows * cols; ++i) {
    m.codes.push_back(weight_class == WeightClass::kBinary
                          ? static_cast<int8_t>(static_cast<int>(rng.below(2)) * 2 - 1)
                          : static_cast<int8_t>(static_cast<int>(rng.below(3)) - 1));
  }
  const int64_t n_scales = group == 0 ? 1 : rows * m.groups();
  for (int64_t i = 0; i < n_scales; ++i) {
    m.scales.push_back(0.01f * static_cast<float>(1 + rng.below(1000)));
  }
  return m;
}

// One token's activations as real numbers, from the definitions alone.
std::vector<double> quantised(const float* x, int64_t n, ActQuant quant) {
  std::vector<double> a(x, x + n);
  if (quant == ActQuant::kSign) {
    double mean = 0;
    for (const double v : a) mean += std::fabs(v) / static_cast<double>(n);
    for (double& v : a) v = v >= 0 ? mean : -mean;
    return a;
  }
  const int64_t group = quant == ActQuant::kInt8Group ? 32 : n;
  for (int64_t begin = 0; begin < n; begin += group) {
    const int64_t end = std::min(begin + group, n);
    float absmax = 1e-5f;
    for (int64_t c = begin; c < end; ++c) absmax = std::max(absmax, std::fabs(x[c]));
    for (int64_t c = begin; c < end; ++c) {
      a[static_cast<std::size_t>(c)] =
          std::nearbyint(x[c] * (127.0f / absmax)) * static_cast<double>(absmax / 127.0f);
    }
  }
  return a;
}

// y = W Q(x) in double, and how far float sums may be from it: each of the at most `terms`
// roundings of a sum loses 2^-24 of what 32 columns at a time add up to.
struct Reference {
  std::vector<double> y;
  std::vector<double> tolerance;
};

Reference reference(const CodeMatrix& w, const std::vector<float>& x, ActQuant quant) {
  Reference result;
  const double terms = static_cast<double>(w.cols / 16 + 10);  // also those of mean|x|
  for (std::size_t m = 0; m < x.size(); m += static_cast<std::size_t>(w.cols)) {
    const auto a = quantised(&x[m], w.cols, quant);
    for (int64_t r = 0; r < w.rows; ++r) {
      double sum = 0;
      double magnitude = 0;
      for (int64_t begin = 0; begin < w.cols; begin += 32) {
        double part = 0;
        for (int64_t c = begin; c < std::min(begin + 32, w.cols); ++c) {
          part +=
              a[static_cast<std::size_t>(c)] * w.codes[static_cast<std::size_t>(r * w.cols + c)];
        }
        sum += part * w.scale(r, begin);
        magnitude += std::fabs(part * w.scale(r, begin));
      }
      result.y.push_back(sum);
      result.tolerance.push_back(0x1p-24 * terms * magnitude + 1e-12);  // double rounds too
    }
  }
  return result;
}

// The float law of MatmulArgs on the activations as they were quantised: the bits of y.
std::vector<float> by_the_law(const CodeMatrix& w, const std::vector<float>& x, ActQuant quant) {
  ThreadPool pool(1);
  const OpContext ctx{pool, find_kernels("scalar")};
  const auto tokens = static_cast<int64_t>(x.size()) / w.cols;
  Activations acts(tokens, w.cols);
  acts.set(ctx, x.data(), tokens, w.cols, quant);
  const bool act_groups = quant == ActQuant::kInt8Group;
  const int64_t group = w.scales.size() == 1 ? w.cols : std::min(w.group, w.cols);
  std::vector<float> y;
  for (int64_t m = 0; m < tokens; ++m) {
    for (int64_t r = 0; r < w.rows; ++r) {
      const auto dot = [&](int64_t begin, int64_t end) {
        int32_t sum = 0;
        for (int64_t c = begin; c < std::min(end, w.cols); ++c) {
          const int code = w.codes[static_cast<std::size_t>(r * w.cols + c)];
          sum += quant == ActQuant::kSign ? (acts.row(m)[c / 8] >> (c % 8) & 1 ? code : -code)
                                          : code * static_cast<int8_t>(acts.row(m)[c]);
        }
        return static_cast<float>(sum);
      };
      float acc = 0;
      for (int64_t begin = 0; begin < w.cols; begin += group) {
        const int64_t end = std::min(begin + group, w.cols);
        float t = 0;
        for (int64_t c = begin; act_groups && c < end; c += kActGroup) {
          t = std::fma(dot(c, std::min(c + kActGroup, end)), acts.scales(m)[c / kActGroup], t);
        }
        acc = std::fma(act_groups ? t : dot(begin, end), w.scale(r, begin), acc);
      }
      y.push_back(act_groups ? acc : acc * acts.scale(m));
    }
  }
  return y;
}

// Every ISA and thread count gives the law's bits, near the reference; a token's company does not
// matter.
void check(const CodeMatrix& w, WeightClass weight_class, ActQuant quant,
           const std::vector<float>& x, const Reference& expected) {
  const auto linear = Linear::pack(w, weight_class, quant);
  const auto law = by_the_law(w, x, quant);
  for (const Kernels* kernels : quick_kernels()) {
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      const OpContext ctx{pool, *kernels};
      const auto y = apply(ctx, linear, x, quant);
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], expected.y[i], expected.tolerance[i])
            << kernels->isa << " quant " << static_cast<int>(quant) << ' ' << w.rows << " x "
            << w.cols << " group " << w.group << " at " << i;
      }
      ASSERT_EQ(law, y) << kernels->isa << ' ' << threads;
      const auto alone = apply(ctx, linear, {x.end() - w.cols, x.end()}, quant);
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), y.end() - w.rows));
    }
  }
}

struct Shape {
  int64_t rows, cols, tokens;
};

void check_shape(const Shape& s, std::initializer_list<int64_t> groups) {
  const auto x = random_floats(s.tokens * s.cols, 11);
  for (const auto weight_class : {WeightClass::kTernary, WeightClass::kBinary}) {
    for (const int64_t group : groups) {
      const auto w = random_matrix(s.rows, s.cols, group, weight_class, 12);
      for (const auto quant : {ActQuant::kInt8, ActQuant::kInt8Group, ActQuant::kSign}) {
        if (quant == ActQuant::kSign && weight_class == WeightClass::kTernary) continue;
        check(w, weight_class, quant, x, reference(w, x, quant));
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(Linear, EqualsTheDefinitionForEveryPackingIsaThreadCountAndShape) {
  for (const Shape& s :
       {Shape{16, 64, 1}, {33, 100, 3}, {5, 128, 9}, {48, 300, 8}, {17, 384, 20}}) {
    check_shape(s, {0, s.cols, 64, 128, 256});
  }
}

TEST(Linear, TakesAnyNumberOfTokens) {
  for (int64_t tokens = 1; tokens <= 17; ++tokens) check_shape({19, 100, tokens}, {0, 64});
}

// Columns that no block size divides, and more than one strip of dot products.
TEST(Linear, TakesWideRows) {
  for (const int64_t cols : {640, 1056, 3200, 8640})
    check_shape({18, cols, 9}, {0, cols, 64, 128, 256});
  check_shape({3, 32768, 2}, {0, 64, 4096});
}

// A group whose activations are tiny keeps its precision, which one scale a token would take.
TEST(Linear, GroupsOfActivationsDoNotShareAScale) {
  const auto w = random_matrix(4, 64, 64, WeightClass::kTernary, 13);
  std::vector<float> x(64, 0.0f);
  for (std::size_t c = 0; c < 32; ++c) x[c] = 1e-4f * static_cast<float>(c + 1);
  x[40] = 1000.0f;
  auto without = w;  // the same matrix, blind to column 40
  for (int64_t r = 0; r < 4; ++r) without.codes[static_cast<std::size_t>(r * 64 + 40)] = 0;
  ThreadPool pool(1);
  const OpContext ctx{pool, default_kernels()};
  const auto y = apply(ctx, Linear::pack(without, WeightClass::kTernary, ActQuant::kInt8Group), x,
                       ActQuant::kInt8Group);
  for (int64_t r = 0; r < 4; ++r) {
    double exact = 0;
    for (int64_t c = 0; c < 64; ++c) {
      exact += static_cast<double>(x[static_cast<std::size_t>(c)]) * without.scale(r, c) *
               without.codes[static_cast<std::size_t>(r * 64 + c)];
    }
    EXPECT_NEAR(y[static_cast<std::size_t>(r)], exact,
                32 * 0.5 * 32e-4 / 127 * without.scale(r, 0));
  }
}

constexpr std::tuple<TensorType, WeightClass, int64_t> kDisk[] = {
    {kI2_S, WeightClass::kTernary, 0},   {kTQ2_0, WeightClass::kTernary, 256},
    {kTQ1_0, WeightClass::kTernary, 0},  {kQ1_0, WeightClass::kBinary, 0},
    {kQ2_0, WeightClass::kTernary, 128}, {kQ2_0, WeightClass::kTernary, 64},
    {kQ1_0, WeightClass::kBinary, 128},  {kPQ2_0, WeightClass::kTernary, 128}};

// A matrix that the format holds without loss: scales are small powers of two.
CodeMatrix disk_matrix(WeightClass weight_class, int64_t group, int64_t rows, int64_t cols) {
  auto w = random_matrix(rows, cols, group, weight_class, 14);
  for (std::size_t i = 0; i < w.scales.size(); ++i)
    w.scales[i] = std::ldexp(0.75f, -static_cast<int>(i % 7));
  return w;
}

TEST(Linear, FromDiskEqualsFromCodesAndLooksUpRows) {
  const int64_t rows = 20;
  const int64_t cols = 512;
  const auto x = random_floats(2 * cols, 15);
  ThreadPool pool(1);
  const OpContext ctx{pool, default_kernels()};
  for (const auto& [type, weight_class, group] : kDisk) {
    const auto w = disk_matrix(weight_class, group, rows, cols);
    const Format& f = format(type);
    std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(rows, cols)));
    f.from_codes(w, bytes.data());
    for (const auto quant : {ActQuant::kInt8, ActQuant::kInt8Group, ActQuant::kSign}) {
      if (quant == ActQuant::kSign && weight_class == WeightClass::kTernary) continue;
      const auto a = Linear::pack(w, weight_class, quant);
      const auto b = Linear::pack(f, bytes.data(), rows, cols, quant);
      // bit for bit, though the file may repeat scales per block
      ASSERT_EQ(apply(ctx, a, x, quant), apply(ctx, b, x, quant)) << f.name;
      EXPECT_TRUE(a.is_packed());
      std::vector<float> expected(static_cast<std::size_t>(cols));
      std::vector<float> found(expected.size());
      for (int64_t r = 0; r < rows; ++r) {
        f.to_float(bytes.data(), rows, cols, r, expected.data());
        b.row_to_float(r, found.data());
        ASSERT_EQ(expected, found) << f.name << " row " << r;
      }
    }
  }
}

TEST(Linear, PackAppliesRowOrderAndMultiplier) {
  const int64_t rows = 24;
  const int64_t cols = 256;
  const float factor = 0.3f;
  const WeightFixes fixes{.multiplier = factor,
                          .row_order = [](int64_t row) { return (row * 5 + 3) % 24; }};
  ThreadPool pool(1);
  const OpContext ctx{pool, default_kernels()};
  const auto x = random_floats(3 * cols, 16);
  for (const auto& [type, weight_class, group] : kDisk) {
    const auto w = disk_matrix(weight_class, group, rows, cols);
    auto expected = w;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t source = fixes.row_order(r);
      std::copy_n(w.codes.begin() + source * cols, cols, expected.codes.begin() + r * cols);
      for (int64_t g = 0; group != 0 && g < w.groups(); ++g) {
        expected.scales[static_cast<std::size_t>(r * w.groups() + g)] =
            w.scale(source, g * w.group) * factor;
      }
    }
    if (group == 0) expected.scales[0] *= factor;
    const Format& f = format(type);
    std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(rows, cols)));
    f.from_codes(w, bytes.data());
    const auto quant = ActQuant::kInt8Group;
    const auto y = apply(ctx, Linear::pack(expected, weight_class, quant), x, quant);
    EXPECT_EQ(apply(ctx, Linear::pack(w, weight_class, quant, fixes), x, quant), y) << f.name;
    EXPECT_EQ(apply(ctx, Linear::pack(f, bytes.data(), rows, cols, quant, fixes), x, quant), y);
  }
}

TEST(Linear, RefusesScalesThatAreNotFinite) {
  const auto w = disk_matrix(WeightClass::kBinary, 128, 16, 128);
  const Format& f = format(kQ1_0);
  std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(16, 128)));
  f.from_codes(w, bytes.data());
  const auto pack = [&](float multiplier) {
    Linear::pack(f, bytes.data(), 16, 128, ActQuant::kInt8Group, {.multiplier = multiplier});
  };
  EXPECT_NO_THROW(pack(2.0f));
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {infinity, -infinity, nan}) {
    EXPECT_THROW(pack(bad), Error);
    EXPECT_THROW(Linear::pack(w, WeightClass::kBinary, ActQuant::kInt8Group, {.multiplier = bad}),
                 Error);
    EXPECT_THROW(Linear::rows(f, bytes.data(), 16, 128, {.multiplier = bad}), Error);
  }
  bytes[3 * 18] = 0;  // row 3: 256, which the multiplier takes out of range
  bytes[3 * 18 + 1] = 0x5c;
  try {
    pack(3e38f);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "scale of row 3: expected a finite number, found inf");
  }
  bytes[3 * 18 + 1] = 0x7c;  // infinity in the file
  EXPECT_THROW(pack(1.0f), Error);
}

}  // namespace
}  // namespace onebit
