// Rows of every format for f32 activations: as good as the matrix in f32, bit for bit.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "base/rng.h"
#include "kernels/dispatch.h"
#include "ops/linear.h"
#include "ops/ops_testing.h"

namespace onebit {
namespace {

constexpr int64_t kFileRows = 24;
constexpr int64_t kFileCols = 768;

std::vector<const Format*> every_format() {
  std::vector<const Format*> list;
  for (const auto formats : {formats(), format_variants()}) {
    for (const Format& f : formats) list.push_back(&f);
  }
  return list;
}

// Any bytes make a matrix; without the two highest bits no scale is infinite.
std::vector<uint8_t> random_bytes(const Format& f) {
  Rng rng(f.id);
  std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(kFileRows, kFileCols)));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.below(64));
  return bytes;
}

int64_t reversed(int64_t row) {
  return kFileRows - 1 - row;
}

// The matrix as f32 rows, which a kernel reads.
Linear expanded(const Format& f, const std::vector<uint8_t>& bytes, const RowOrder& order) {
  std::vector<float> values(static_cast<std::size_t>(kFileRows * kFileCols));
  for (int64_t r = 0; r < kFileRows; ++r) {
    f.to_float(bytes.data(), kFileRows, kFileCols, order ? order(r) : r,
               values.data() + r * kFileCols);
  }
  return Linear::rows(format(kF32), reinterpret_cast<const uint8_t*>(values.data()), kFileRows,
                      kFileCols);
}

void expect_same(const Linear& a, const Linear& b, const std::string& what) {
  const auto x = random_floats(9 * kFileCols, 31);
  for (const Kernels* kernels : usable_kernels()) {
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      const OpContext ctx{pool, *kernels};
      const auto ya = apply(ctx, a, x, ActQuant::kF32);
      const auto yb = apply(ctx, b, x, ActQuant::kF32);
      ASSERT_EQ(0, std::memcmp(ya.data(), yb.data(), ya.size() * 4)) << what << kernels->isa;
    }
  }
  std::vector<float> row_a(kFileCols);
  std::vector<float> row_b(kFileCols);
  for (int64_t r = 0; r < kFileRows; ++r) {
    a.row_to_float(r, row_a.data());
    b.row_to_float(r, row_b.data());
    ASSERT_EQ(0, std::memcmp(row_a.data(), row_b.data(), row_a.size() * 4)) << what << " row " << r;
  }
}

TEST(LinearRows, OfEveryFormatEqualTheExpandedMatrix) {
  for (const Format* f : every_format()) {
    const auto bytes = random_bytes(*f);
    for (const RowOrder& order : {RowOrder{}, RowOrder{reversed}}) {
      const auto expected = expanded(*f, bytes, order);
      const auto rows = Linear::rows(*f, bytes.data(), kFileRows, kFileCols, {.row_order = order});
      EXPECT_FALSE(rows.is_packed());
      EXPECT_EQ(rows.bytes(), f->bytes(kFileRows, kFileCols)) << f->name;
      expect_same(rows, expected, f->name);
    }
  }
}

TEST(LinearRows, AViewReadsUnalignedBytesAndKeepsTheirOwner) {
  for (const Format* f : every_format()) {
    const auto bytes = random_bytes(*f);
    auto memory = std::make_shared<std::vector<uint8_t>>(bytes.size() + 1);  // ends where bytes end
    std::copy(bytes.begin(), bytes.end(), memory->begin() + 1);
    const uint8_t* at = memory->data() + 1;
    const std::weak_ptr<const void> watch = memory;
    {
      const auto view = Linear::view(*f, at, kFileRows, kFileCols, memory);
      const auto reordered =
          Linear::view(*f, at, kFileRows, kFileCols, memory, {.row_order = reversed});
      memory.reset();
      EXPECT_FALSE(watch.expired());
      expect_same(view, expanded(*f, bytes, {}), f->name);
      expect_same(reordered, expanded(*f, bytes, reversed), f->name);
    }
    EXPECT_TRUE(watch.expired());
  }
}

TEST(LinearRows, MultiplierScalesOutputsAndLookups) {
  ThreadPool pool(2);
  const OpContext ctx{pool, default_kernels()};
  const auto x = random_floats(3 * kFileCols, 32);
  for (const auto type : {kF16, kQ8_0, kQ6_K, kQ2_0}) {
    const Format& f = format(type);
    const auto bytes = random_bytes(f);
    const auto plain = Linear::rows(f, bytes.data(), kFileRows, kFileCols);
    const auto scaled = Linear::rows(f, bytes.data(), kFileRows, kFileCols, {.multiplier = 0.3f});
    auto y = apply(ctx, plain, x, ActQuant::kF32);
    for (float& v : y) v *= 0.3f;
    EXPECT_EQ(apply(ctx, scaled, x, ActQuant::kF32), y) << f.name;
    std::vector<float> row(kFileCols);
    std::vector<float> scaled_row(kFileCols);
    plain.row_to_float(5, row.data());
    for (float& v : row) v *= 0.3f;
    scaled.row_to_float(5, scaled_row.data());
    EXPECT_EQ(scaled_row, row) << f.name;
  }
}

// Independent of the kernels: the dot product in double.
TEST(LinearRows, EqualTheDefinition) {
  ThreadPool pool(2);
  const OpContext ctx{pool, default_kernels()};
  const int64_t rows = 19;
  const int64_t cols = 64;
  const auto w = random_floats(rows * cols, 33);
  const auto x = random_floats(3 * cols, 34);
  for (const auto type : {kF32, kF16, kBF16, kQ8_0, kQ4_0}) {
    const Format& f = format(type);
    std::vector<uint8_t> bytes(static_cast<std::size_t>(f.bytes(rows, cols)));
    f.from_float(w.data(), rows, cols, bytes.data());
    const auto linear = Linear::rows(f, bytes.data(), rows, cols);
    const auto y = apply(ctx, linear, x, ActQuant::kF32);
    std::vector<float> row(static_cast<std::size_t>(cols));
    for (int64_t r = 0; r < rows; ++r) {
      linear.row_to_float(r, row.data());
      for (int64_t m = 0; m < 3; ++m) {
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c) {
          sum += static_cast<double>(row[static_cast<std::size_t>(c)]) *
                 x[static_cast<std::size_t>(m * cols + c)];
        }
        ASSERT_NEAR(y[static_cast<std::size_t>(m * rows + r)], sum, 1e-4) << f.name;
      }
    }
  }
}

}  // namespace
}  // namespace onebit
