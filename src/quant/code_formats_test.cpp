// Ternary and binary formats: codes survive, and what cannot survive is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "quant/format.h"
#include "quant/format_testing.h"

namespace onebit {
namespace {

using namespace testing;

TEST(CodeFormats, CodesSurviveTheRoundTrip) {
  for (const Format* format : code_formats()) {
    for (const int64_t row_blocks : {1, 2, 3, 5, 8, 17}) {
      for (const int64_t blocks : {1, 2, 3, 7}) {
        const int64_t rows = row_blocks * format->row_block;
        const int64_t cols = blocks * format->block;
        const CodeMatrix m = random_matrix(*format, rows, cols, rows * 100 + blocks);
        const auto bytes = from_matrix(*format, m);
        const CodeMatrix back = to_matrix(*format, bytes.data(), rows, cols);
        ASSERT_EQ(back.codes, m.codes) << format->name;
        ASSERT_EQ(back.scales, m.scales) << format->name;
        const auto floats = to_floats(*format, bytes.data(), rows, cols);
        for (int64_t i = 0; i < rows * cols; ++i) {
          ASSERT_EQ(floats[i], m.scale(i / cols, i % cols) * static_cast<float>(m.codes[i]));
        }
      }
    }
  }
}

TEST(CodeFormats, I2SRowsMayStraddleGroups) {
  for (const char* name : {"I2_S", "I2_S/64", "I2_S/4row"}) {
    const Format& i2_s = *find_format(name);
    for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{128, 1},
                                     {128, 3},
                                     {4, 32},
                                     {4, 96},
                                     {8, 16},
                                     {16, 4320},
                                     {64, 130},
                                     {128, 129}}) {
      const CodeMatrix m = random_matrix(i2_s, rows, cols, rows + cols);
      // At an odd address: nothing may rely on the alignment of a tensor.
      std::vector<uint8_t> bytes(i2_s.bytes(rows, cols) + 1);
      i2_s.from_codes(m, bytes.data() + 1);
      const CodeMatrix back = to_matrix(i2_s, bytes.data() + 1, rows, cols);
      ASSERT_EQ(back.codes, m.codes) << name << " " << rows << " x " << cols;
      ASSERT_EQ(back.scales, m.scales);
    }
  }
}

TEST(CodeFormats, AnyGranularityThatAgreesIsAccepted) {
  for (const Format* format : code_formats()) {
    CodeMatrix m = random_matrix(*format, 4, 512, 1);
    m.group = 512;
    for (const std::vector<float>& scales :
         {std::vector<float>{0.25f}, std::vector<float>(4, 0.25f)}) {
      m.scales = scales;
      const auto bytes = from_matrix(*format, m);
      for (const float scale : to_matrix(*format, bytes.data(), 4, 512).scales) {
        EXPECT_EQ(scale, 0.25f) << format->name;
      }
    }
    m.group = 64;
    m.scales.assign(32, 0.25f);
    EXPECT_NO_THROW(from_matrix(*format, m));
    m.group = 100;  // does not divide the row: 6 groups, the last of 12 columns
    m.scales.assign(24, 0.25f);
    EXPECT_NO_THROW(from_matrix(*format, m));
    m.scales[23] = 0.5f;
    EXPECT_THROW(from_matrix(*format, m), Error) << format->name;
  }
}

TEST(CodeFormats, WhatCannotBeStoredExactlyIsRefused) {
  for (const Format* format : code_formats()) {
    SCOPED_TRACE(format->name);
    const std::string name = format->name;
    const bool binary = format->weight_class == WeightClass::kBinary;
    const CodeMatrix good = random_matrix(*format, 4, 512, 2);
    const auto refusal = [&](const std::function<void(CodeMatrix&)>& edit) {
      CodeMatrix m = good;
      edit(m);
      return error_of([&] { from_matrix(*format, m); });
    };
    EXPECT_EQ(refusal([](CodeMatrix&) {}), "no error");
    EXPECT_EQ(refusal([](CodeMatrix& m) { m.codes[512 + 301] = 2; }),
              "argument: " + name + ": row 1, column 301: expected code " +
                  (binary ? "-1 or +1" : "-1, 0 or +1") + ", found 2");
    EXPECT_EQ(refusal([](CodeMatrix& m) { m.codes[7] = 0; }) != "no error", binary);
    EXPECT_NE(refusal([](CodeMatrix& m) { m.codes[0] = -2; }), "no error");
    for (const float bad :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      EXPECT_NE(refusal([&](CodeMatrix& m) { m.scales.back() = bad; }).find("a finite scale"),
                std::string::npos);
    }
    // One scale of the tensor, the row or the group: a finer one does not fit.
    if (format->has_tensor_scale()) {
      const auto message = refusal([](CodeMatrix& m) { m.scales = {0.5f, 0.5f, 0.25f, 0.5f}; });
      EXPECT_EQ(message, "argument: " + name +
                             ": row 2, column 0: expected one scale for the tensor, found 0.25");
    } else {
      const auto message = refusal([&](CodeMatrix& m) {
        m.group /= 2;
        m.scales.assign(4 * m.groups(), 0.5f);
        m.scales[m.groups() + 1] = 0.25f;
      });
      EXPECT_EQ(message, "argument: " + name + ": row 1, column " + std::to_string(good.group / 2) +
                             ": expected scale 0.5 as in column 0 (one scale per " +
                             std::to_string(good.group) + " columns), found 0.25");
    }
    // An f16 scale must be one; the f32 ones take all finite values.
    const bool f32_scale = format->scale_type == ScaleType::kF32;
    for (const float bad : {0.1f, 1e-9f, 1e9f, 65520.0f}) {
      const auto message = refusal([&](CodeMatrix& m) { m.scales[m.scales.size() - 1] = bad; });
      const std::string last = "row 3, column " + std::to_string(512 - good.group);
      EXPECT_EQ(message == "no error", f32_scale);
      EXPECT_EQ(
          message.find(last + ": expected a scale that f16 holds exactly") == std::string::npos,
          f32_scale);
    }
    if (format->packing) continue;  // they pad
    CodeMatrix narrow{1, 32, 32, std::vector<int8_t>(32, 1), {1.0f}};
    EXPECT_NE(error_of([&] { format->from_codes(narrow, nullptr); }).find("argument: " + name),
              std::string::npos);
  }
}

TEST(CodeFormats, Code3IsRefusedAsCode) {
  for (const char* name : {"TQ2_0", "Q2_0", "Q2_0/128", "PQ2_0", "IQ2_BN", "I2_S", "I2_S/64"}) {
    const Format& f = *find_format(name);
    CodeMatrix m = random_matrix(f, 2, 256, 3);
    for (int8_t& code : m.codes) code = 0;
    auto bytes = from_matrix(f, m);
    const std::size_t row1 = (bytes.size() - f.tail_bytes) / 2;
    bytes[row1 + 5] |= 0xc3;  // first and last pair of a byte of row 1
    const std::string message = error_of([&] { to_matrix(f, bytes.data(), 2, 256); });
    EXPECT_TRUE(message.starts_with("file: " + std::string(f.name) + ": row 1, column "))
        << message;
    EXPECT_TRUE(message.ends_with(": expected 2-bit code 0, 1 or 2, found 3")) << message;
  }
  // As a float it is +2 for ggml's types (the golden *.rand); for I2_S every reader takes it as 0.
  std::vector<uint8_t> bytes(64, 0xff);
  const float one = 1;
  std::memcpy(bytes.data() + 32, &one, 4);
  for (const float value : to_floats(format(kI2_S), bytes.data(), 1, 128)) EXPECT_EQ(value, 0);
}

TEST(CodeFormats, StoredInfinitiesAndNansComeOutAsStored) {
  for (const Format* format : code_formats()) {
    SCOPED_TRACE(format->name);
    CodeMatrix m = random_matrix(*format, 4, 256, 4);
    for (float& scale : m.scales) scale = 0.5f;
    auto bytes = from_matrix(*format, m);
    // Where 0.5 was stored, found by its bytes: in f32 a scale for the row or tensor, else f16.
    const float inf = std::numeric_limits<float>::infinity();
    CodeMatrix other = m;
    for (float& scale : other.scales) scale = -0.5f;
    const auto negative = from_matrix(*format, other);
    const auto differ = std::ranges::mismatch(bytes, negative).in1;  // the sign, in the top byte
    ASSERT_NE(differ, bytes.end());
    differ[0] = 0x7f;
    differ[-1] = 0x80;  // f32 infinity
    if (format->scale_type == ScaleType::kF16) {
      differ[0] = 0x7c;
      differ[-1] = 0;
    }
    EXPECT_EQ(to_matrix(*format, bytes.data(), 4, 256).scales[0], inf);
    const auto floats = to_floats(*format, bytes.data(), 4, 256);
    for (int64_t i = 0; i < 64; ++i) {
      EXPECT_TRUE(m.codes[i] == 0 ? std::isnan(floats[i]) : floats[i] == inf * m.codes[i]);
    }
  }
}

}  // namespace
}  // namespace onebit
