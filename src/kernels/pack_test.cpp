#include "kernels/pack.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/checked.h"
#include "base/rng.h"

namespace onebit {
namespace {

constexpr Packing kAllPackings[] = {Packing::kTernaryI8, Packing::kBinaryI8, Packing::kBinaryBit};

// kernel.h's layout, spelt out for a single bit: one code set to 1 in a panel of zero bits.
TEST(Pack, OneCodeLandsWhereTheLayoutSays) {
  std::vector<int8_t> codes(kPanelRows * 128, -1);  // -1 is zero bits in every packing
  const int8_t* rows[kPanelRows];
  for (int64_t r = 0; r < kPanelRows; ++r) rows[r] = codes.data() + r * 128;
  codes[5 * 128 + 77] = 1;
  const auto packed = [&](Packing packing) {
    std::vector<uint8_t> panel(panel_bytes(packing, 128), 0xee);
    pack_panel(packing, rows, 128, panel.data());
    return panel;
  };
  // Step 4 (columns 64..79), lane 5, column 13 = plane 3, byte 1, code 2.
  std::vector<uint8_t> expected(512, 0);
  expected[4 * 64 + 5 * 4 + 1] = 2 << 6;
  EXPECT_EQ(packed(Packing::kTernaryI8), expected);
  // Step 2 (columns 64..95), lane 5, column 13 = plane 3, byte 1.
  expected.assign(256, 0);
  expected[2 * 64 + 5 * 4 + 1] = 1 << 3;
  EXPECT_EQ(packed(Packing::kBinaryI8), expected);
  // Step 1 (columns 64..127), word 5, bit 13.
  expected.assign(256, 0);
  expected[128 + 5 * 8 + 1] = 1 << 5;
  EXPECT_EQ(packed(Packing::kBinaryBit), expected);
}

TEST(Pack, RoundTripWithPadding) {
  Rng rng(1);
  for (const Packing packing : kAllPackings) {
    for (int64_t cols = 0; cols <= 200; ++cols) {
      std::vector<int8_t> codes(kPanelRows * cols);
      for (int8_t& code : codes) {
        code = packing == Packing::kTernaryI8 ? static_cast<int8_t>(rng.below(3)) - 1
                                              : static_cast<int8_t>(rng.below(2) * 2) - 1;
      }
      // Each row in a buffer of its own size, so that a sanitizer sees a read past its end.
      std::vector<std::vector<int8_t>> rows(kPanelRows);
      const int8_t* pointers[kPanelRows];
      for (int64_t r = 0; r < kPanelRows; ++r) {
        rows[r].assign(codes.begin() + r * cols, codes.begin() + (r + 1) * cols);
        pointers[r] = r == 3 || r >= 14 ? nullptr : rows[r].data();
      }
      if (cols == 0) std::fill(std::begin(pointers), std::end(pointers), nullptr);
      const int64_t bytes = panel_bytes(packing, cols);
      EXPECT_EQ(bytes, (cols + packing_step(packing) - 1) / packing_step(packing) *
                           packing_step_bytes(packing));
      std::vector<uint8_t> panel(bytes, 0xee);
      pack_panel(packing, pointers, cols, panel.data());
      for (int64_t r = 0; r < kPanelRows; ++r) {
        for (int64_t c = 0; c < round_up(cols, packing_step(packing)); ++c) {
          const bool padding = pointers[r] == nullptr || c >= cols;
          ASSERT_EQ(panel_code(packing, panel.data(), r, c), padding ? -1 : codes[r * cols + c])
              << "packing " << static_cast<int>(packing) << " cols " << cols << " at " << r << ", "
              << c;
        }
      }
    }
  }
}

TEST(Pack, TooManyColumnsIsAnErrorThatSaysSo) {
  EXPECT_EQ(panel_bytes(Packing::kTernaryI8, kMaxColumns), kMaxColumns * 4);
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
