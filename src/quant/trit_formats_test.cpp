// The formats with five trits to a byte, against the written rules, and every ternary format
// against every other: what one implementation checked (golden bytes) carries over to those without
// any.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "quant/format.h"
#include "quant/format_testing.h"
#include "quant/trits.h"

namespace onebit {
namespace {

using namespace testing;

// Digit n of a byte, 0 most significant, as FORMATS of ggml write it.
int trit(int byte, int n) {
  constexpr int kPow3[] = {1, 3, 9, 27, 81};
  return (byte * kPow3[n] % 256) * 3 / 256;
}

TEST(Trits, EveryByteAndEveryValue) {
  for (int byte = 0; byte < 256; ++byte) {
    int8_t codes[5];
    unpack_trits(static_cast<uint8_t>(byte), 5, 1, codes);
    for (int n = 0; n < 5; ++n) EXPECT_EQ(codes[n], trit(byte, n) - 1) << byte;
  }
  for (int value = 0; value < 243; ++value) {
    const int8_t codes[] = {
        static_cast<int8_t>(value / 81 - 1), static_cast<int8_t>(value / 27 % 3 - 1),
        static_cast<int8_t>(value / 9 % 3 - 1), static_cast<int8_t>(value / 3 % 3 - 1),
        static_cast<int8_t>(value % 3 - 1)};
    int8_t back[5];
    unpack_trits(pack_trits(codes, 5, 1), 5, 1, back);
    for (int n = 0; n < 5; ++n) EXPECT_EQ(back[n], codes[n]) << value;
  }
  const std::pair<std::vector<int8_t>, int> vectors[] = {{{-1, -1, -1, -1, -1}, 0},
                                                         {{0, 0, 0, 0, 0}, 128},
                                                         {{1, 1, 1, 1, 1}, 255},
                                                         {{1, 0, -1, 0, 1}, 205},
                                                         {{-1, 0, 1, -1}, 48}};
  for (const auto& [codes, byte] : vectors) {
    EXPECT_EQ(pack_trits(codes.data(), static_cast<int>(codes.size()), 1), byte);
  }
}

// The place of a weight in its block: byte and digit (0 most significant), by the layout tables.
struct Place {
  int byte;
  int digit;
};

Place place_tq1_0(int i) {
  if (i < 160) return {i % 32, i / 32};
  if (i < 240) return {32 + (i - 160) % 16, (i - 160) / 16};
  return {48 + (i - 240) % 4, (i - 240) / 4};
}

Place place_ptq1_0(int i) {
  if (i < 80) return {i % 16, i / 16};
  if (i < 120) return {16 + (i - 80) % 8, (i - 80) / 8};
  return {24 + (i - 120) % 2, (i - 120) / 2};
}

Place place_iq1_bn(int i) {
  if (i % 16 == 15) return {12, 4 - i / 16};
  return {3 * (i / 16) + i % 16 / 5, 4 - i % 16 % 5};
}

// Every byte value in every byte of a block (each decodes, the 13 that are never written too).
TEST(Trits, WeightsAreWhereTheLayoutSays) {
  const struct {
    TensorType type;
    Place (*place)(int);
    int data_bytes;
    int scale_at;
  } cases[] = {{kTQ1_0, place_tq1_0, 52, 52},
               {kPTQ1_0, place_ptq1_0, 26, 26},
               {kIQ1_BN, place_iq1_bn, 13, 0}};
  for (const auto& [type, place, data_bytes, scale_at] : cases) {
    const Format& f = format(type);
    std::vector<uint8_t> block(f.bytes(1, f.block));
    const int64_t data = f.row_header_bytes;
    for (int byte = 0; byte < 256; ++byte) {
      for (int b = 0; b < data_bytes; ++b) {
        block[data + b] = static_cast<uint8_t>(byte * 7 + b * 31);  // 7 is odd: all values occur
      }
      block[scale_at] = 0;
      block[scale_at + 1] = 0xbc;  // -1
      const CodeMatrix m = to_matrix(f, block.data(), 1, f.block);
      const auto floats = to_floats(f, block.data(), 1, f.block);
      EXPECT_EQ(m.scales, std::vector<float>{-1.0f});
      for (int i = 0; i < f.block; ++i) {
        const auto [at, digit] = place(i);
        ASSERT_EQ(m.codes[i], trit(block[data + at], digit) - 1) << f.name << " " << i;
        ASSERT_EQ(floats[i], -m.codes[i]) << f.name << " " << i;
      }
    }
  }
}

TEST(Trits, WrittenVectors) {
  const auto zeros = [](int64_t n) {
    return CodeMatrix{1, n, n, std::vector<int8_t>(static_cast<std::size_t>(n), 0), {0.5f}};
  };
  {
    CodeMatrix m = zeros(256);
    for (const int i : {0, 64, 128}) m.codes[i] = 1;  // digits 0, 2 and 4 of byte 0: 2 1 2 1 2
    m.codes[160] = -1;                                // digit 0 of byte 32: 0 1 1 1 1
    m.codes[255] = 1;                                 // digit 3 of byte 51: 1 1 1 2 | 0
    const auto bytes = from_matrix(format(kTQ1_0), m);
    EXPECT_EQ(bytes[0], 0xe0);
    EXPECT_EQ(bytes[1], 0x80);
    EXPECT_EQ(bytes[32], 0x2b);
    EXPECT_EQ(bytes[48], 0x7f);
    EXPECT_EQ(bytes[51], 0x82);
    EXPECT_EQ(bytes[52], 0x00);
    EXPECT_EQ(bytes[53], 0x38);
  }
  {
    CodeMatrix m = zeros(128);
    m.codes[0] = 1;     // digit 0 of byte 0: 2 1 1 1 1
    m.codes[119] = -1;  // digit 4 of byte 23: 1 1 1 1 0
    m.codes[127] = 1;   // digit 3 of byte 25: 1 1 1 2 | 0
    const auto bytes = from_matrix(format(kPTQ1_0), m);
    EXPECT_EQ(bytes[0], 0xd5);
    EXPECT_EQ(bytes[1], 0x80);
    EXPECT_EQ(bytes[23], 0x7f);
    EXPECT_EQ(bytes[24], 0x7f);
    EXPECT_EQ(bytes[25], 0x82);
    EXPECT_EQ(bytes[26], 0x00);
    EXPECT_EQ(bytes[27], 0x38);
  }
  {
    CodeMatrix m = zeros(64);
    m.codes[0] = 1;    // least significant digit of byte 0: 1 1 1 1 2
    m.codes[4] = -1;   // and its most significant one:      0 1 1 1 2
    m.codes[15] = -1;  // least significant digit of byte 12, whose top digit is 0: 0 1 1 1 0
    const auto bytes = from_matrix(format(kIQ1_BN), m);
    EXPECT_EQ(bytes[0], 0x00);
    EXPECT_EQ(bytes[1], 0x38);
    EXPECT_EQ(bytes[2], 0x2c);
    EXPECT_EQ(bytes[3], 0x80);
    EXPECT_EQ(bytes[14], 0x2a);
  }
  {
    CodeMatrix m = zeros(64);
    m.codes[0] = 1;     // pair 0 of byte 0
    m.codes[16] = -1;   // pair 1 of byte 0
    m.codes[63] = 1;    // pair 3 of byte 15
    m.scales = {0.1f};  // an f32
    const auto bytes = from_matrix(format(kIQ2_BN), m);
    const std::vector<uint8_t> head = {0xcd, 0xcc, 0xcc, 0x3d, 0x52, 0x55};
    EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 6), head);
    EXPECT_EQ(bytes[19], 0x95);
  }
  {
    CodeMatrix m = zeros(128);
    m.codes[1] = 1;     // pair 1 of byte 0
    m.codes[127] = -1;  // pair 3 of byte 31
    const auto bytes = from_matrix(format(kPQ2_0), m);
    EXPECT_EQ(bytes[1], 0x38);
    EXPECT_EQ(bytes[2], 0x59);
    EXPECT_EQ(bytes[3], 0x55);
    EXPECT_EQ(bytes[33], 0x15);
  }
}

// From any ternary format into any other and back, byte for byte, over a matrix whose scale all of
// them can hold.
TEST(TernaryFormats, TranscodeIntoEachOther) {
  int pairs = 0;
  for (const Format* from : code_formats()) {
    if (from->weight_class != WeightClass::kTernary) continue;
    CodeMatrix m = random_matrix(*from, 8, 768, 5);
    m.group = 768;
    m.scales = {0.0625f};
    const auto bytes = from_matrix(*from, m);
    const CodeMatrix read = to_matrix(*from, bytes.data(), 8, 768);
    for (const Format* to : code_formats()) {
      if (to->weight_class != WeightClass::kTernary) continue;
      const auto other = from_matrix(*to, read);
      CodeMatrix back = to_matrix(*to, other.data(), 8, 768);
      ASSERT_EQ(back.codes, m.codes) << from->name << " " << to->name;
      ASSERT_EQ(from_matrix(*from, back), bytes) << from->name << " " << to->name;
      ++pairs;
    }
  }
  EXPECT_EQ(pairs, 18 * 18);
}

// Group scales survive between the formats of 128, and from 128 or 256 into finer ones.
TEST(TernaryFormats, GroupScalesTranscode) {
  const std::pair<const char*, const char*> pairs[] = {
      {"PTQ1_0", "PQ2_0"}, {"PQ2_0", "PTQ1_0"}, {"PQ2_0", "Q2_0/128"}, {"Q2_0/128", "Q2_0"},
      {"TQ1_0", "TQ2_0"},  {"TQ2_0", "TQ1_0"},  {"TQ1_0", "PTQ1_0"},   {"IQ1_BN", "IQ2_BN"},
      {"IQ1_BN", "TQ1_0"}, {"IQ2_BN", "PQ2_0"}};
  for (const auto& [from, to] : pairs) {
    const CodeMatrix m = random_matrix(*find_format(from), 5, 512, 6);
    const auto bytes = from_matrix(*find_format(from), m);
    const auto other = from_matrix(*find_format(to), m);
    EXPECT_EQ(to_floats(*find_format(from), bytes.data(), 5, 512),
              to_floats(*find_format(to), other.data(), 5, 512))
        << from << " " << to;
  }
  EXPECT_THROW(from_matrix(format(kTQ1_0), random_matrix(format(kPTQ1_0), 5, 512, 7)), Error);
  EXPECT_THROW(from_matrix(format(kIQ2_BN), random_matrix(format(kTQ1_0), 5, 512, 7)), Error);
}

// ggml's TQ1_0 matrix, through every format that can hold its scales, is still ggml's bytes.
TEST(TernaryFormats, GoldenBytesSurviveTheOthers) {
  const auto raw = read_file(std::filesystem::path(ONEBIT_SOURCE_DIR) / "tests" / "golden" /
                             "formats" / "tq1_0.raw.bin");
  const CodeMatrix m = to_matrix(format(kTQ1_0), raw.data(), 12, 512);
  for (const TensorType type : {kTQ2_0, kPTQ1_0, kPQ2_0, kQ2_0}) {
    const auto other = from_matrix(format(type), m);
    const CodeMatrix back = to_matrix(format(type), other.data(), 12, 512);
    EXPECT_EQ(from_matrix(format(kTQ1_0), back), std::vector<uint8_t>(raw.begin(), raw.end()))
        << format(type).name;
  }
}

}  // namespace
}  // namespace onebit
