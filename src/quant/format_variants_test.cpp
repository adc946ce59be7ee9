// Layouts that share an id, and how a file's sizes choose among them; types that are not read.
#include <gtest/gtest.h>

#include "quant/format.h"
#include "quant/format_testing.h"

namespace onebit {
namespace {

using namespace testing;

TEST(FormatVariants, FoundByNameNeverById) {
  for (const Format& variant : format_variants()) {
    EXPECT_EQ(find_format(std::string_view(variant.name)), &variant);
    const Format* standard = find_format(variant.id);
    if (variant.id == kHF_U8) {
      EXPECT_EQ(standard, nullptr);
      continue;
    }
    ASSERT_NE(standard, nullptr) << variant.name;
    EXPECT_NE(standard, &variant);
    EXPECT_TRUE(std::string_view(variant.name).starts_with(std::string(standard->name) + "/"));
  }
  ASSERT_NE(find_format("i2_s/4ROW"), nullptr);
  EXPECT_STREQ(find_format("i2_s/4ROW")->name, "I2_S/4row");
}

// The size of ternary Bonsai's ffn_down of 8B, a square matrix, and the smallest that padding to 32
// leaves different.
TEST(FormatVariants, SizeTellsTheOlderQ2_0) {
  const Format& standard = format(kQ2_0);
  const Format& older = *find_format("Q2_0/128");
  const std::pair<int64_t, int64_t> shapes[] = {{4096, 12288}, {2048, 2048}, {16, 128}};
  for (const auto& [rows, cols] : shapes) {
    const int64_t n = rows * cols;
    EXPECT_EQ(standard.bytes(rows, cols), n / 64 * 18);
    EXPECT_EQ(older.bytes(rows, cols), n / 128 * 34);
    const auto chosen = [&](int64_t available) {
      return resolve_format(42, rows, cols, available).name;
    };
    EXPECT_STREQ(chosen(n / 64 * 18), "Q2_0");
    EXPECT_STREQ(chosen(round_up(n / 64 * 18, 32)), "Q2_0");
    EXPECT_STREQ(chosen(n * 100), "Q2_0");  // the last tensor of a file, with bytes after it
    EXPECT_STREQ(chosen(n / 128 * 34), "Q2_0/128");
    EXPECT_STREQ(chosen(round_up(n / 128 * 34, 32)), "Q2_0/128");
    EXPECT_THROW(chosen(n / 128 * 34 - 1), Error);
  }
  // Cut short, but not to the older size: not taken for it.
  EXPECT_EQ(
      error_of([] { resolve_format(42, 2048, 2048, 1179648 - 1); }),
      "file: expected 1179648 bytes of Q2_0, found 1179647 before the next tensor or the end");
  EXPECT_STREQ(resolve_format(42, 2048, 2048, 1114112 + 31).name, "Q2_0/128");
  EXPECT_THROW(resolve_format(42, 2048, 2048, 1114112 + 32), Error);
  EXPECT_STREQ(resolve_format(42, 2048, 2048, 1114112 + 32, 64).name, "Q2_0/128");
  // Rows of 64 are not of blocks of 128.
  EXPECT_THROW(resolve_format(42, 256, 64, 256 * 64 / 128 * 34), Error);
  EXPECT_STREQ(resolve_format(42, 256, 64, 256 * 18).name, "Q2_0");
}

TEST(FormatVariants, SizeDecidesNothingElse) {
  for (const Format& f : formats()) {
    const int64_t bytes = f.bytes(8, 512);
    EXPECT_EQ(&resolve_format(f.id, 8, 512, bytes), &f);
    EXPECT_EQ(&resolve_format(f.id, 8, 512, bytes + 1000), &f);
    EXPECT_EQ(error_of([&] { resolve_format(f.id, 8, 512, bytes - 1); }),
              "file: expected " + std::to_string(bytes) + " bytes of " + f.name + ", found " +
                  std::to_string(bytes - 1) + " before the next tensor or the end");
    EXPECT_THROW(resolve_format(f.id, 8, 512, 0), Error);
    EXPECT_THROW(resolve_format(f.id, 8, 0, 1000), Error);
    EXPECT_THROW(resolve_format(f.id, int64_t{1} << 40, int64_t{1} << 40, 1000), Error);
  }
}

TEST(FormatVariants, UnknownTypesAreRefusedWithAReason) {
  for (const uint32_t id : {38u, 39u, 40u, 335u}) {
    const std::string hint = unsupported_type_hint(id);
    EXPECT_NE(hint.find(std::to_string(id)), std::string::npos);
    EXPECT_NE(hint.find("use"), std::string::npos) << hint;
    EXPECT_EQ(hint.find('\n'), std::string::npos);
    try {
      resolve_format(id, 8, 512, 1 << 20);
      FAIL();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
      EXPECT_EQ(e.what(), hint);
    }
  }
  EXPECT_NE(unsupported_type_hint(38).find("TL1"), std::string::npos);
  EXPECT_NE(unsupported_type_hint(39).find("TL2"), std::string::npos);
  EXPECT_NE(unsupported_type_hint(39).find("MXFP4"), std::string::npos);
  for (const Format& f : formats()) EXPECT_EQ(unsupported_type_hint(f.id), "") << f.name;
  for (const uint32_t id : {3u, 37u, 0xffffffffu}) {
    EXPECT_EQ(unsupported_type_hint(id), "");
    const std::string message = error_of([&] { resolve_format(id, 8, 512, 1 << 20); });
    EXPECT_TRUE(message.ends_with(", found id " + std::to_string(id))) << message;
    EXPECT_NE(message.find("expected one of F32 F16"), std::string::npos) << message;
  }
}

// Each layout by its own rule: the byte and the bits of every weight.
TEST(FormatVariants, I2SLayoutsPlaceEveryWeight) {
  struct Place {
    int64_t byte;
    int shift;
  };
  const int64_t rows = 8;
  const int64_t cols = 192;
  const auto grouped = [](int64_t group) {
    return [group](int64_t row, int64_t col) {
      const int64_t i = row * cols + col;
      const int64_t j = i % group;
      return Place{i / group * (group / 4) + j % (group / 4),
                   static_cast<int>(6 - 2 * (j / (group / 4)))};
    };
  };
  const std::pair<const char*, std::function<Place(int64_t, int64_t)>> cases[] = {
      {"I2_S", grouped(128)},
      {"I2_S/64", grouped(64)},
      {"I2_S/4row", [](int64_t row, int64_t col) {
         return Place{row / 4 * cols + col, static_cast<int>(6 - 2 * (row % 4))};
       }}};
  const CodeMatrix m = random_matrix(format(kI2_S), rows, cols, 8);
  for (const auto& [name, place] : cases) {
    const Format& f = *find_format(name);
    ASSERT_EQ(f.bytes(rows, cols), rows * cols / 4 + 32);
    const auto bytes = from_matrix(f, m);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        const auto [byte, shift] = place(row, col);
        ASSERT_EQ((bytes[byte] >> shift & 3) - 1, m.codes[row * cols + col])
            << name << " " << row << " " << col;
      }
    }
    const CodeMatrix back = to_matrix(f, bytes.data(), rows, cols);
    EXPECT_EQ(back.codes, m.codes);
    EXPECT_EQ(back.scales, m.scales);
  }
}

TEST(FormatVariants, I2SVectors) {
  CodeMatrix m{4, 64, 64, std::vector<int8_t>(256, 0), {0.5f}};
  m.codes[0] = 1;
  m.codes[16] = -1;
  m.codes[64 + 1] = 1;
  m.codes[192] = -1;
  const auto arm = from_matrix(*find_format("I2_S/64"), m);
  EXPECT_EQ(arm[0], 0x85);  // 2 0 1 1
  EXPECT_EQ(arm[1], 0x55);
  EXPECT_EQ(arm[17], 0x95);  // weight 1 of the second group
  EXPECT_EQ(arm[48], 0x15);
  EXPECT_EQ(arm[67], 0x3f);
  const auto four = from_matrix(*find_format("I2_S/4row"), m);
  EXPECT_EQ(four[0], 0x94);  // column 0: 2 1 1 0
  EXPECT_EQ(four[1], 0x65);  // column 1: 1 2 1 1
  EXPECT_EQ(four[16], 0x15);
  EXPECT_EQ(four[67], 0x3f);
}

TEST(FormatVariants, I2SHostileCodesAndShapes) {
  const Format& four = *find_format("I2_S/4row");
  std::vector<uint8_t> bytes(four.bytes(4, 3), 0x55);
  bytes[2] = 0x57;
  EXPECT_EQ(error_of([&] { to_matrix(four, bytes.data(), 4, 3); }),
            "file: I2_S/4row: row 3, column 2: expected 2-bit code 0, 1 or 2, found 3");
  const auto floats = to_floats(four, bytes.data(), 4, 3);
  EXPECT_EQ(floats[11], 0);
  EXPECT_EQ(error_of([&] { four.bytes(6, 128); }),
            "file: I2_S/4row matrix of 6 rows, 128 columns: expected a multiple of 4 rows");
  EXPECT_EQ(
      error_of([] { find_format("I2_S/64")->bytes(1, 96); }),
      "file: I2_S/64 matrix of 1 rows, 96 columns: expected a multiple of 64 values, found 96");
}

}  // namespace
}  // namespace onebit
