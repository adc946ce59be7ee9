// HF_U8 by its rule and its published vector; what it cannot hold is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "quant/format.h"
#include "quant/format_testing.h"

namespace onebit {
namespace {

using namespace testing;

const Format& hf_u8() {
  return *find_format("HF_U8");
}

CodeMatrix random_codes(int64_t rows, int64_t cols, uint64_t seed) {
  CodeMatrix m = random_matrix(hf_u8(), rows, cols, seed);
  m.scales = {1};
  return m;
}

TEST(HfU8, Vector) {
  const std::vector<uint8_t> bytes = {0xa1, 0x18, 0x90, 0x0a};
  const std::vector<int8_t> codes = {0, -1, -1, 1, -1, 1, -1, 1, 1, 0, 0, -1, 1, -1, 1, -1};
  ASSERT_EQ(hf_u8().bytes(8, 2), 4);
  const CodeMatrix m = to_matrix(hf_u8(), bytes.data(), 8, 2);
  EXPECT_EQ(m.codes, codes);
  EXPECT_EQ(m.scales, std::vector<float>{1});
  EXPECT_EQ(from_matrix(hf_u8(), m), bytes);
  const auto floats = to_floats(hf_u8(), bytes.data(), 8, 2);
  EXPECT_TRUE(std::ranges::equal(floats, codes));
}

TEST(HfU8, PlacesEveryWeight) {
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{4, 1}, {12, 5}, {64, 130}}) {
    const CodeMatrix m = random_codes(rows, cols, rows + cols);
    const auto bytes = from_matrix(hf_u8(), m);
    ASSERT_EQ(static_cast<int64_t>(bytes.size()), rows * cols / 4);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        const int shift = static_cast<int>(2 * (row / (rows / 4)));
        const int byte = bytes[row % (rows / 4) * cols + col];
        ASSERT_EQ((byte >> shift & 3) - 1, m.codes[row * cols + col]) << row << ' ' << col;
      }
    }
    EXPECT_EQ(to_matrix(hf_u8(), bytes.data(), rows, cols).codes, m.codes);
  }
}

TEST(HfU8, IsFoundByNameOnly) {
  EXPECT_EQ(find_format(hf_u8().id), nullptr);
  EXPECT_EQ(find_format("hf_u8"), &hf_u8());
  EXPECT_THROW(resolve_format(kHF_U8, 4, 4, 100), Error);
}

TEST(HfU8, RefusesWhatItCannotHold) {
  EXPECT_EQ(error_of([] { hf_u8().bytes(6, 8); }),
            "file: HF_U8 matrix of 6 rows, 8 columns: expected a multiple of 4 rows");
  std::vector<uint8_t> bytes(4, 0x55);
  bytes[2] = 0x95 | 0x20;  // row 3 has 2, row 2 has 3
  EXPECT_EQ(error_of([&] { to_matrix(hf_u8(), bytes.data(), 4, 4); }),
            "file: HF_U8: row 2, column 2: expected 2-bit code 0, 1 or 2, found 3");
  EXPECT_EQ(to_floats(hf_u8(), bytes.data(), 4, 4)[2 * 4 + 2], 2);
  CodeMatrix m = random_codes(4, 8, 1);
  m.scales = {0.5f};
  EXPECT_EQ(error_of([&] { from_matrix(hf_u8(), m); }),
            "argument: HF_U8: row 0, column 0: expected scale 1, as it holds none, found 0.5");
  m.scales = {1};
  m.codes[9] = 2;
  EXPECT_EQ(error_of([&] { from_matrix(hf_u8(), m); }),
            "argument: HF_U8: row 1, column 1: expected code -1, 0 or +1, found 2");
}

}  // namespace
}  // namespace onebit
