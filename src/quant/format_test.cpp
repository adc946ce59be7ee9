// Formats against other implementations' bytes and the vectors of docs/formats; floats and sizes.
#include "quant/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/file.h"
#include "base/half.h"
#include "base/rng.h"
#include "io/npy.h"
#include "quant/format_testing.h"

namespace onebit {
namespace {

using namespace testing;

constexpr int64_t kRows = 12;  // of every golden matrix
constexpr int64_t kCols = 512;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(ONEBIT_SOURCE_DIR) / "tests" / "golden" / "formats" / name;
}

TEST(Formats, RegistryHoldsTogether) {
  for (const Format& format : formats()) {
    EXPECT_EQ(find_format(format.id), &format);
    EXPECT_EQ(find_format(std::string_view(format.name)), &format);
    const bool is_float = format.weight_class == WeightClass::kFloat;
    EXPECT_NE(format.to_float, nullptr);
    EXPECT_TRUE(is_float || format.from_float == nullptr);
    EXPECT_EQ(format.to_codes != nullptr, !is_float);
    EXPECT_EQ(format.from_codes != nullptr, !is_float);
    const std::string name = format.name;  // P_TERNARY/64 is on the page of P_TERNARY
    std::string page = name.substr(0, name.find('/')) + ".md";
    for (char& c : page) c = static_cast<char>(std::tolower(c));
    EXPECT_TRUE(exists(std::filesystem::path(ONEBIT_SOURCE_DIR) / "docs" / "formats" / page))
        << page;
  }
  EXPECT_EQ(find_format("tq2_0"), &format(kTQ2_0));
  EXPECT_EQ(find_format("Tq2_0"), &format(kTQ2_0));
  EXPECT_EQ(find_format("tq2_"), nullptr);
  EXPECT_EQ(find_format(""), nullptr);
  EXPECT_EQ(find_format(3u), nullptr);
  EXPECT_EQ(format(kQ4_K).from_float, nullptr);
  EXPECT_EQ(format(kQ6_K).from_float, nullptr);
}

TEST(Formats, SizesAreGgmls) {
  EXPECT_EQ(format(kF32).bytes(3, 5), 60);
  EXPECT_EQ(format(kF16).bytes(3, 5), 30);
  EXPECT_EQ(format(kBF16).bytes(3, 5), 30);
  EXPECT_EQ(format(kQ8_0).bytes(3, 64), 204);
  EXPECT_EQ(format(kQ4_0).bytes(3, 64), 108);
  EXPECT_EQ(format(kQ4_K).bytes(3, 512), 864);
  EXPECT_EQ(format(kQ6_K).bytes(3, 512), 1260);
  EXPECT_EQ(format(kTQ2_0).bytes(3, 512), 396);
  EXPECT_EQ(format(kTQ1_0).bytes(3, 512), 324);
  EXPECT_EQ(format(kI2_S).bytes(3, 512), 3 * 128 + 32);
  EXPECT_EQ(format(kQ1_0).bytes(3, 256), 108);
  EXPECT_EQ(format(kQ2_0).bytes(3, 128), 108);
  EXPECT_EQ(format(kPQ2_0).bytes(3, 256), 204);
  EXPECT_EQ(format(kPTQ1_0).bytes(3, 256), 168);
  EXPECT_EQ(format(kIQ1_BN).bytes(3, 128), 3 * (2 + 26));  // each row has a header
  EXPECT_EQ(format(kIQ2_BN).bytes(3, 128), 3 * (4 + 32));
  EXPECT_DOUBLE_EQ(format(kTQ2_0).bits_per_weight(7, 256), 2.0625);
  EXPECT_DOUBLE_EQ(format(kTQ1_0).bits_per_weight(7, 256), 1.6875);
  EXPECT_DOUBLE_EQ(format(kPTQ1_0).bits_per_weight(7, 256), 1.75);
  EXPECT_DOUBLE_EQ(format(kPQ2_0).bits_per_weight(7, 256), 2.125);
  EXPECT_DOUBLE_EQ(format(kIQ2_BN).bits_per_weight(7, 256), 2 + 32.0 / 256);
  EXPECT_DOUBLE_EQ(format(kQ6_K).bits_per_weight(7, 256), 6.5625);
  EXPECT_DOUBLE_EQ(format(kQ1_0).bits_per_weight(7, 256), 1.125);
  EXPECT_DOUBLE_EQ(format(kQ2_0).bits_per_weight(7, 256), 2.25);
  EXPECT_DOUBLE_EQ(format(kQ8_0).bits_per_weight(7, 256), 8.5);
  EXPECT_DOUBLE_EQ(format(kI2_S).bits_per_weight(1, 128), 4.0);
}

TEST(Formats, ImpossibleShapesAreRefused) {
  EXPECT_EQ(error_of([] { format(kTQ2_0).bytes(2, 128); }),
            "file: TQ2_0 matrix of 2 rows, 128 columns: expected a multiple of 256 columns");
  EXPECT_EQ(error_of([] { format(kI2_S).bytes(3, 64); }),
            "file: I2_S matrix of 3 rows, 64 columns: expected a multiple of 128 values, found "
            "192");
  EXPECT_EQ(format(kI2_S).bytes(2, 64), 64);  // flat: only the product matters
  EXPECT_EQ(error_of([] { format(kF32).bytes(0, 5); }),
            "file: F32 matrix of 0 rows, 5 columns: expected at least 1 of each");
  const int64_t large[] = {int64_t{1} << 31, int64_t{1} << 32, int64_t{1} << 62,
                           std::numeric_limits<int64_t>::max()};
  for (const Format& format : formats()) {
    for (const int64_t cols : large) {
      EXPECT_THROW(format.bytes(cols, int64_t{1} << 40), Error) << format.name;
      EXPECT_THROW(format.bytes(-1, cols), Error) << format.name;
    }
    EXPECT_THROW(format.bytes(1, 0), Error);
    EXPECT_THROW(format.bytes(std::numeric_limits<int64_t>::max(), 1), Error) << format.name;
  }
  EXPECT_THROW(format(kF32).bytes(int64_t{1} << 31, int64_t{1} << 31), Error);  // x 4 overflows
}

TEST(Formats, DecodeAsGgmlBitForBit) {
  const std::pair<const char*, TensorType> cases[] = {
      {"f16", kF16},     {"bf16", kBF16},        {"q8_0", kQ8_0}, {"q8_0.rand", kQ8_0},
      {"tq2_0", kTQ2_0}, {"tq2_0.rand", kTQ2_0}, {"q1_0", kQ1_0}, {"q1_0.rand", kQ1_0},
      {"q2_0", kQ2_0},   {"q2_0.rand", kQ2_0},   {"i2_s", kI2_S}, {"tq1_0", kTQ1_0},
      {"q4_0", kQ4_0},   {"q4_0.rand", kQ4_0},   {"q4_k", kQ4_K}, {"q4_k.rand", kQ4_K},
      {"q6_k", kQ6_K},   {"q6_k.rand", kQ6_K}};
  for (const auto& [name, type] : cases) {
    const auto raw = read_file(golden(std::string(name) + ".raw.bin"));
    const auto expected = read_npy<float>(golden(std::string(name) + ".deq.npy"));
    ASSERT_EQ(expected.shape, (std::vector<int64_t>{kRows, kCols}));
    ASSERT_EQ(raw.size(), format(type).bytes(kRows, kCols)) << name;
    const auto found = to_floats(format(type), raw.data(), kRows, kCols);
    for (int64_t i = 0; i < kRows * kCols; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(found[i]), std::bit_cast<uint32_t>(expected.values[i]))
          << name << " " << i;
    }
  }
}

TEST(Formats, EncodeAsGgmlByteForByte) {
  const std::pair<const char*, TensorType> cases[] = {{"tq1_0", kTQ1_0}, {"tq2_0", kTQ2_0},
                                                      {"q1_0", kQ1_0},   {"q1_0.rand", kQ1_0},
                                                      {"q2_0", kQ2_0},   {"i2_s", kI2_S}};
  for (const auto& [name, type] : cases) {
    const auto raw = read_file(golden(std::string(name) + ".raw.bin"));
    // Codes from ggml's floats, not through to_codes; a block of zeros leaves its scale open.
    const auto floats = read_npy<float>(golden(std::string(name) + ".deq.npy"));
    CodeMatrix m = to_matrix(format(type), raw.data(), kRows, kCols);
    for (int64_t i = 0; i < kRows * kCols; ++i) {
      const float value = floats.values[i];
      const float scale = m.scale(i / kCols, i % kCols);
      ASSERT_EQ(std::fabs(value), value == 0 ? 0 : std::fabs(scale)) << name;
      const int code = (value > 0) - (value < 0);
      m.codes[i] = static_cast<int8_t>(value == 0 ? m.codes[i] : scale < 0 ? -code : code);
    }
    const auto bytes = from_matrix(format(type), m);
    const std::size_t payload = type == kI2_S ? bytes.size() - 28 : bytes.size();
    EXPECT_EQ(std::memcmp(bytes.data(), raw.data(), payload), 0) << name;
  }
}

TEST(Formats, Q8_0QuantisesAsGgml) {
  const auto x = read_npy<float>(golden("x.npy"));
  const auto expected = read_file(golden("x.q8_0.bin"));
  std::vector<uint8_t> found(expected.size());
  format(kQ8_0).from_float(x.values.data(), 3, kCols, found.data());
  int different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) different += found[i] != expected[i];
  EXPECT_EQ(different, 0);
}

// Q4_0 maps the extreme of a block to -8 d exactly, so quantising what ggml's bytes mean gives
// those bytes back. (Random bytes need not have a -8, so not q4_0.rand.)
TEST(Formats, Q4_0QuantisesAsGgml) {
  const auto floats = read_npy<float>(golden("q4_0.deq.npy"));
  const auto expected = read_file(golden("q4_0.raw.bin"));
  std::vector<uint8_t> found(expected.size());
  format(kQ4_0).from_float(floats.values.data(), kRows, kCols, found.data());
  int different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) different += found[i] != expected[i];
  EXPECT_EQ(different, 0);
}

// q4_0 and f16 hold one matrix, so its f16 values, off by 2^-11 at most, must give ggml's bytes but
// where the rounding could fall either way.
TEST(Formats, Q4_0RoundsAsGgml) {
  const auto x = read_npy<float>(golden("f16.deq.npy"));
  const auto expected = read_file(golden("q4_0.raw.bin"));
  std::vector<uint8_t> found(expected.size());
  format(kQ4_0).from_float(x.values.data(), kRows, kCols, found.data());
  int different = 0;
  for (int64_t i = 0; i < kRows * kCols; ++i) {
    const uint8_t* block = found.data() + i / 32 * 18;
    const uint8_t* golden_block = expected.data() + i / 32 * 18;
    ASSERT_EQ(std::memcmp(block, golden_block, 2), 0) << i;  // d
    const int shift = i % 32 < 16 ? 0 : 4;
    const int nibble = block[2 + i % 16] >> shift & 15;
    const int golden_nibble = golden_block[2 + i % 16] >> shift & 15;
    if (nibble == golden_nibble) continue;
    ++different;
    uint16_t d = 0;
    std::memcpy(&d, block, 2);
    const float steps = x.values[i] / f16_to_f32(d) + 8.5f;
    EXPECT_NEAR(steps, std::round(steps), 16 * 0x1p-11) << i;
    EXPECT_EQ(std::abs(nibble - golden_nibble), 1) << i;
  }
  EXPECT_LE(different, 12);  // 16 * 2^-11 of 6144
}

// The worked examples of docs/formats.
TEST(Formats, WrittenVectors) {
  {
    CodeMatrix m{1, 128, 128, std::vector<int8_t>(128, 0), {0.5f}};
    m.codes[0] = 1;
    m.codes[32] = -1;
    m.codes[64] = 1;
    m.codes[1] = -1;
    const auto bytes = from_matrix(format(kI2_S), m);
    EXPECT_EQ(bytes[0], 0x89);
    EXPECT_EQ(bytes[1], 0x15);
    for (int i = 2; i < 32; ++i) EXPECT_EQ(bytes[i], 0x55);
    const std::vector<uint8_t> tail = {0, 0, 0, 0x3f};  // 0.5f
    EXPECT_EQ(std::vector<uint8_t>(bytes.begin() + 32, bytes.begin() + 36), tail);
    EXPECT_EQ(std::count(bytes.begin() + 36, bytes.end(), 0), 28);
  }
  {
    CodeMatrix m{1, 256, 256, std::vector<int8_t>(256, 0), {0.5f}};
    m.codes[0] = 1;     // half 0, pair 0, byte 0
    m.codes[32] = -1;   // half 0, pair 1, byte 0
    m.codes[129] = 1;   // half 1, pair 0, byte 33
    m.codes[255] = -1;  // half 1, pair 3, byte 63
    const auto bytes = from_matrix(format(kTQ2_0), m);
    EXPECT_EQ(bytes[0], 0x52);
    EXPECT_EQ(bytes[1], 0x55);
    EXPECT_EQ(bytes[33], 0x56);
    EXPECT_EQ(bytes[63], 0x15);
    EXPECT_EQ(bytes[64], 0x00);
    EXPECT_EQ(bytes[65], 0x38);
  }
  {
    CodeMatrix m{1, 128, 128, std::vector<int8_t>(128, -1), {1.0f}};
    for (const int i : {0, 3, 9, 127}) m.codes[i] = 1;
    const auto bytes = from_matrix(format(kQ1_0), m);
    EXPECT_EQ(bytes[0], 0x00);
    EXPECT_EQ(bytes[1], 0x3c);
    EXPECT_EQ(bytes[2], 0x09);
    EXPECT_EQ(bytes[3], 0x02);
    EXPECT_EQ(bytes[17], 0x80);
  }
  {
    CodeMatrix m{1, 64, 64, std::vector<int8_t>(64, 0), {-2.0f}};
    m.codes[0] = 1;
    m.codes[1] = -1;
    m.codes[63] = 1;
    const auto bytes = from_matrix(format(kQ2_0), m);
    EXPECT_EQ(bytes[0], 0x00);
    EXPECT_EQ(bytes[1], 0xc0);
    EXPECT_EQ(bytes[2], 0x52);
    EXPECT_EQ(bytes[3], 0x55);
    EXPECT_EQ(bytes[17], 0x95);
  }
  {
    std::vector<float> x(32, 0.0f);
    x[0] = 127;
    x[1] = -2.5f;  // d = 1: a half rounds away from zero
    x[31] = -127;
    std::vector<uint8_t> bytes(34);
    format(kQ8_0).from_float(x.data(), 1, 32, bytes.data());
    EXPECT_EQ(bytes[0], 0x00);
    EXPECT_EQ(bytes[1], 0x3c);
    EXPECT_EQ(bytes[2], 0x7f);
    EXPECT_EQ(bytes[3], 0xfd);
    EXPECT_EQ(bytes[33], 0x81);
  }
  {
    std::vector<float> x(32, 0.0f);
    x[0] = -8;
    x[1] = 0.5f;
    x[31] = 7;
    std::vector<uint8_t> bytes(18);
    format(kQ4_0).from_float(x.data(), 1, 32, bytes.data());
    std::vector<uint8_t> expected(18, 0x88);
    expected[0] = 0x00;
    expected[1] = 0x3c;
    expected[2] = 0x80;
    expected[3] = 0x89;
    expected[17] = 0xf8;
    EXPECT_EQ(bytes, expected);
  }
  {
    std::vector<uint8_t> block(144);
    block[1] = 0x3c;   // d = 1
    block[3] = 0x38;   // dmin = 0.5
    block[4] = 0x42;   // s[0]
    block[8] = 0x81;   // s[4]
    block[12] = 0x35;  // s[8]
    block[16] = 0x73;
    const auto x = to_floats(format(kQ4_K), block.data(), 1, 256);
    EXPECT_EQ(x[0], 5.5f);
    EXPECT_EQ(x[31], -0.5f);
    EXPECT_EQ(x[32], 0.0f);
    EXPECT_EQ(x[128], -17.5f);
    EXPECT_EQ(x[159], -17.5f);
    EXPECT_EQ(x[160], 0.0f);
  }
  {
    std::vector<uint8_t> block(210);
    block[0] = 0xa5;    // ql[0]
    block[128] = 0x21;  // qh[0]
    block[192] = 1;     // sc[0]
    block[196] = 0xfe;  // sc[4] = -2
    block[209] = 0x38;  // d = 0.5
    const auto x = to_floats(format(kQ6_K), block.data(), 1, 256);
    EXPECT_EQ(x[0], -5.5f);
    EXPECT_EQ(x[1], -16.0f);
    EXPECT_EQ(x[16], 0.0f);
    EXPECT_EQ(x[32], 0.0f);
    EXPECT_EQ(x[64], -10.0f);
    EXPECT_EQ(x[65], 32.0f);
  }
}

TEST(Formats, FloatsAreKeptOrRefused) {
  const std::vector<float> values = {1.0f, -0.0f, 65504.0f, 1e-8f};
  const float inf = std::numeric_limits<float>::infinity();
  for (const TensorType type : {kF32, kF16, kBF16}) {
    std::vector<uint8_t> bytes(format(type).bytes(2, 2));
    format(type).from_float(values.data(), 2, 2, bytes.data());
    const auto back = to_floats(format(type), bytes.data(), 2, 2);
    EXPECT_EQ(back[0], 1.0f);
    EXPECT_TRUE(std::signbit(back[1]));
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float special[] = {inf, -inf, nan, 0};
    format(type).from_float(special, 2, 2, bytes.data());
    const auto kept = to_floats(format(type), bytes.data(), 2, 2);
    EXPECT_EQ(kept[0], inf);
    EXPECT_EQ(kept[1], -inf);
    EXPECT_TRUE(std::isnan(kept[2]));
  }
  const float large[] = {0, 0, 0, std::numeric_limits<float>::max()};
  std::vector<uint8_t> bytes(64);
  EXPECT_NO_THROW(format(kF32).from_float(large, 2, 2, bytes.data()));
  EXPECT_EQ(
      error_of([&] { format(kF16).from_float(large, 2, 2, bytes.data()); }),
      "argument: F16: row 1, column 1: expected a magnitude below 65520, found 3.4028235e+38");
  EXPECT_THROW(format(kBF16).from_float(large, 2, 2, bytes.data()), Error);
}

TEST(Formats, Q8_0Edges) {
  std::vector<float> x(64, 0.0f);
  std::vector<uint8_t> bytes(68);
  const auto quantize = [&] { format(kQ8_0).from_float(x.data(), 1, 64, bytes.data()); };
  quantize();
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 0), 68);
  for (const float tiny : {1e-45f, 1e-40f, 1e-38f, 1e-30f, 1e-8f}) {
    x[40] = tiny;
    x[41] = -tiny;
    quantize();
    const auto back = to_floats(format(kQ8_0), bytes.data(), 1, 64);
    EXPECT_NEAR(back[40], tiny, 1e-6f);
    EXPECT_EQ(back[41], -back[40]);
  }
  x[40] = 8e6f;
  quantize();
  EXPECT_NEAR(to_floats(format(kQ8_0), bytes.data(), 1, 64)[40], 8e6f, 8e6f / 1024);
  x[40] = 8.4e6f;  // / 127 is past the largest f16
  EXPECT_THROW(quantize(), Error);
  x[40] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of(quantize),
            "argument: Q8_0: row 0, column 40: expected a finite value, found nan");
  // Error bound of round-to-nearest with an f16 scale: half a step, and 127 steps of the scale's
  // relative error 2^-11.
  Rng rng(5);
  for (float& value : x) value = static_cast<float>(rng.normal());
  quantize();
  const auto back = to_floats(format(kQ8_0), bytes.data(), 1, 64);
  for (int block = 0; block < 2; ++block) {
    float max = 0;
    for (int i = 0; i < 32; ++i) max = std::max(max, std::fabs(x[32 * block + i]));
    for (int i = 0; i < 32; ++i) {
      EXPECT_LE(std::fabs(back[32 * block + i] - x[32 * block + i]),
                max / 127 * 0.51f + max / 2048);
    }
  }
}

TEST(Formats, Q4_0Edges) {
  std::vector<float> x(64, 0.0f);
  std::vector<uint8_t> bytes(36);
  const auto quantize = [&] { format(kQ4_0).from_float(x.data(), 1, 64, bytes.data()); };
  quantize();
  std::vector<uint8_t> zeros(36, 0x88);
  for (const int block : {0, 18}) {
    zeros[block] = 0x00;
    zeros[block + 1] = 0x80;  // d = -0, as ggml's 0 / -8
  }
  EXPECT_EQ(bytes, zeros);
  for (const float tiny : {1e-45f, 1e-40f, 1e-38f, 1e-30f, 1e-8f}) {
    x[40] = tiny;
    quantize();
    EXPECT_NEAR(to_floats(format(kQ4_0), bytes.data(), 1, 64)[40], tiny, 1e-6f);
  }
  x[40] = 3;
  x[41] = -3;  // of two extremes the first is exact; the other has only 7 steps
  quantize();
  const auto back = to_floats(format(kQ4_0), bytes.data(), 1, 64);
  EXPECT_EQ(back[40], 3.0f);
  EXPECT_EQ(back[41], -3.0f * 7 / 8);
  x[40] = -8 * 65504.0f;
  quantize();
  EXPECT_EQ(to_floats(format(kQ4_0), bytes.data(), 1, 64)[40], -8 * 65504.0f);
  x[40] = -8 * 65520.0f;
  EXPECT_EQ(error_of(quantize),
            "argument: Q4_0: row 0, column 32: expected a largest magnitude below 8 * 65520, found "
            "-524160");
  x[40] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(error_of(quantize),
            "argument: Q4_0: row 0, column 40: expected a finite value, found -inf");
}

}  // namespace
}  // namespace onebit
