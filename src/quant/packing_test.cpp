#include "quant/packing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "base/rng.h"

namespace onebit {
namespace {

constexpr Packing kAllPackings[] = {Packing::kTernaryI8, Packing::kBinaryI8, Packing::kBinaryBit,
                                    Packing::kInt8,      Packing::kTripleI8, Packing::kInt6};

// packing.h's layouts, spelt out for a single code in a panel of zero bits.
TEST(Packing, OneCodeLandsWhereTheLayoutSays) {
  constexpr int64_t kColumns = 128;
  // A panel of `rows` rows of `zero` but for `code` at (row, 77).
  const auto packed = [&](Packing packing, int64_t rows, int64_t row, int8_t zero, int8_t code) {
    std::vector<int8_t> codes(static_cast<std::size_t>(rows * kColumns), zero);
    codes[static_cast<std::size_t>(row * kColumns + 77)] = code;
    std::vector<const int8_t*> pointers;
    for (int64_t r = 0; r < rows; ++r) pointers.push_back(codes.data() + r * kColumns);
    std::vector<uint8_t> panel(static_cast<std::size_t>(panel_bytes(packing, rows, kColumns)),
                               0xee);
    pack_panel(packing, pointers.data(), rows, kColumns, panel.data());
    return panel;
  };
  // Step 4 (columns 64..79), lane 5, column 13 = plane 3, byte 1, code 2.
  std::vector<uint8_t> expected(512, 0);
  expected[4 * 64 + 5 * 4 + 1] = 2 << 6;
  EXPECT_EQ(packed(Packing::kTernaryI8, 16, 5, -1, 1), expected);
  // Row 37 of 70: tile 1 of 3, word 2 * 5 + 0; step 4, column 13 = 4 * 3 + 1: bit 8 + 3.
  expected.assign(8 * 3 * 64, 0);
  expected[(4 * 3 + 1) * 64 + 10 * 2 + 1] = 1 << 3;
  EXPECT_EQ(packed(Packing::kBinaryI8, 70, 37, -1, 1), expected);
  // Row 53: word 2 * 5 + 1 of the same tile.
  expected.assign(8 * 3 * 64, 0);
  expected[(4 * 3 + 1) * 64 + 11 * 2 + 1] = 1 << 3;
  EXPECT_EQ(packed(Packing::kBinaryI8, 70, 53, -1, 1), expected);
  // Step 1 (columns 64..127), word 5, bit 13.
  expected.assign(256, 0);
  expected[128 + 5 * 8 + 1] = 1 << 5;
  EXPECT_EQ(packed(Packing::kBinaryBit, 16, 5, -1, 1), expected);
  // Step 19 (columns 76..79), lane 5, byte 1: 100 + 128.
  expected.assign(2048, 0);
  expected[19 * 64 + 5 * 4 + 1] = 228;
  EXPECT_EQ(packed(Packing::kInt8, 16, 5, -128, 100), expected);
  // Row 21 of 32: tile 1 of 2; step 6 (columns 72..83), column 5 = 4 + 1: digit 3 of number 1 of
  // row 5, 2 * 3 from bit 5 * (4 * 5 + 1) = 105 on.
  expected.assign(round_up(11 * 80 + 24, 64), 0);
  expected[6 * 80 + 40 + 13] = 6 << 1;
  EXPECT_EQ(packed(Packing::kTripleI8, 32, 21, -1, 1), expected);
}

// Every 6-bit code in every column of a row between others.
TEST(Packing, SixBitsOfAColumnLieWhereTheLayoutSays) {
  for (int64_t col = 0; col < 16; ++col) {
    for (int code = -31; code <= 31; ++code) {
      std::vector<int8_t> codes(16 * 64, -32);
      codes[static_cast<std::size_t>(5 * 64 + 32 + col)] = static_cast<int8_t>(code);
      std::vector<const int8_t*> rows;
      for (int64_t r = 0; r < 16; ++r) rows.push_back(codes.data() + r * 64);
      std::vector<uint8_t> panel(4 * 192, 0xee);
      ASSERT_EQ(panel_bytes(Packing::kInt6, 64), std::ssize(panel));
      pack_panel(Packing::kInt6, rows.data(), 16, 64, panel.data());
      std::vector<uint8_t> expected(panel.size(), 0);
      const auto at = [&](int64_t vector) -> uint8_t& {
        return expected[static_cast<std::size_t>(2 * 192 + 64 * vector + 5 * 4 + col % 4)];
      };
      const int bits = code + 32;
      if (col < 12) {
        at(col / 4) = static_cast<uint8_t>(bits);
      } else {
        for (int v = 0; v < 3; ++v) at(v) = static_cast<uint8_t>((bits >> (2 * v) & 3) << 6);
      }
      ASSERT_EQ(panel, expected) << col << ' ' << code;
    }
  }
}

TEST(Packing, TheFourColumnsOfABinaryLaneAreBitsPEightFourTwelve) {
  for (int64_t c = 0; c < 16; ++c) {
    std::vector<int8_t> codes(64, -1);
    codes[static_cast<std::size_t>(c)] = 1;
    const int8_t* row = codes.data();
    std::vector<uint8_t> panel(static_cast<std::size_t>(panel_bytes(Packing::kBinaryI8, 1, 64)));
    pack_panel(Packing::kBinaryI8, &row, 1, 64, panel.data());
    constexpr int kBits[] = {0, 8, 4, 12};
    EXPECT_EQ(panel[0] | panel[1] << 8, 1 << (kBits[c % 4] + c / 4)) << c;
  }
}

TEST(Packing, RoundTripWithPadding) {
  Rng rng(1);
  for (const Packing packing : kAllPackings) {
    const int8_t zero = packing == Packing::kInt8 ? -128 : packing == Packing::kInt6 ? -32 : -1;
    for (int64_t cols = 0; cols <= 200; ++cols) {
      const int64_t n_rows = 1 + cols * 7 % packing_shape(packing).rows;
      // Each row in a buffer of its own size, so that a sanitizer sees a read past its end.
      std::vector<std::vector<int8_t>> rows(static_cast<std::size_t>(n_rows));
      std::vector<const int8_t*> pointers;
      for (auto& row : rows) {
        for (int64_t c = 0; c < cols; ++c) {
          row.push_back(packing == Packing::kTernaryI8 || packing == Packing::kTripleI8
                            ? static_cast<int8_t>(static_cast<int>(rng.below(3)) - 1)
                        : packing == Packing::kInt8
                            ? static_cast<int8_t>(static_cast<int>(rng.below(255)) - 127)
                        : packing == Packing::kInt6
                            ? static_cast<int8_t>(static_cast<int>(rng.below(63)) - 31)
                            : static_cast<int8_t>(static_cast<int>(rng.below(2) * 2) - 1));
        }
        pointers.push_back(pointers.size() == 3 || cols == 0 ? nullptr : row.data());
      }
      const int64_t bytes = panel_bytes(packing, n_rows, cols);
      EXPECT_EQ(bytes % 64, 0);
      std::vector<uint8_t> panel(static_cast<std::size_t>(bytes), 0xee);
      pack_panel(packing, pointers.data(), n_rows, cols, panel.data());
      for (int64_t r = 0; r < padded_rows(packing, n_rows); ++r) {
        const bool absent = r >= n_rows || pointers[static_cast<std::size_t>(r)] == nullptr;
        const int64_t pad = packing == Packing::kTripleI8 ? 12 : kColumnPad;
        for (int64_t c = 0; c < round_up(cols, pad); ++c) {
          const int8_t expected =
              absent || c >= cols ? zero
                                  : rows[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)];
          ASSERT_EQ(panel_code(packing, panel.data(), n_rows, r, c), expected)
              << "packing " << static_cast<int>(packing) << ' ' << n_rows << " x " << cols << " at "
              << r << ", " << c;
        }
        if (absent) continue;
        std::vector<int8_t> codes(static_cast<std::size_t>(cols));
        unpack_row(packing, panel.data(), n_rows, r, cols, codes.data());
        ASSERT_EQ(codes, rows[static_cast<std::size_t>(r)]);
      }
    }
  }
}

TEST(Packing, AMatrixIsItsPanelsOneAfterTheOther) {
  EXPECT_EQ(panel_bytes(Packing::kBinaryI8, 128), 8 * 4 * 64);
  EXPECT_EQ(packed_bytes(Packing::kBinaryI8, 130, 128), 8 * 4 * 64 + 8 * 64);
  EXPECT_EQ(padded_rows(Packing::kBinaryI8, 130), 160);
  EXPECT_EQ(packed_bytes(Packing::kTernaryI8, 17, 100), 2 * 8 * 64);
  EXPECT_EQ(packed_bytes(Packing::kInt8, 16, 65), 32 * 64);
  EXPECT_EQ(packed_bytes(Packing::kInt6, 16, 65), 8 * 192);
  EXPECT_THROW(packed_bytes(Packing::kInt8, int64_t{1} << 50, 65536), Error);
}

TEST(Packing, TooManyColumnsIsAnErrorThatSaysSo) {
  EXPECT_EQ(panel_bytes(Packing::kTernaryI8, kMaxColumns), kMaxColumns * 4);
  EXPECT_THROW(panel_bytes(Packing::kInt8, kMaxColumnsInt8 + 1), Error);
  EXPECT_THROW(panel_bytes(Packing::kInt6, kMaxColumnsInt8 + 1), Error);
  try {
    panel_bytes(Packing::kTernaryI8, kMaxColumns + 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(e.what(), "matrix columns: expected at most 262144, found 262145");
  }
}

}  // namespace
}  // namespace onebit
