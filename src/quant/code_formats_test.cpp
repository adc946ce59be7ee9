// Ternary and binary formats: codes survive, and what cannot survive is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/half.h"
#include "base/rng.h"
#include "quant/format.h"
#include "quant/format_testing.h"

namespace onebit {
namespace {

using namespace testing;

// Random codes of the format's class and, where the format keeps them, random f16-exact scales.
CodeMatrix random_matrix(const Format& format, int64_t rows, int64_t cols, uint64_t seed) {
  Rng rng(seed);
  CodeMatrix m;
  m.rows = rows;
  m.cols = cols;
  m.group = format.group == 0 ? cols : format.group;
  for (int64_t i = 0; i < rows * cols; ++i) {
    const bool binary = format.weight_class == WeightClass::kBinary;
    m.codes.push_back(static_cast<int8_t>(binary ? 2 * static_cast<int>(rng.below(2)) - 1
                                                 : static_cast<int>(rng.below(3)) - 1));
  }
  const int64_t scales = format.group == 0 ? 1 : rows * m.groups();
  for (int64_t i = 0; i < scales; ++i) {
    m.scales.push_back(f16_to_f32(static_cast<uint16_t>(rng.below(0x7c00))));
  }
  if (format.group == 0) m.scales[0] = 0.1f;  // an f32 that is not an f16
  return m;
}

std::vector<const Format*> code_formats() {
  std::vector<const Format*> found;
  for (const Format& format : formats()) {
    if (format.from_codes != nullptr) found.push_back(&format);
  }
  return found;
}

TEST(CodeFormats, CodesSurviveTheRoundTrip) {
  for (const Format* format : code_formats()) {
    for (const int64_t rows : {1, 2, 3, 5, 8, 17}) {
      for (const int64_t blocks : {1, 2, 3, 7}) {
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
  const Format& i2_s = format(kI2_S);
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{128, 1},
                                   {128, 3},
                                   {2, 64},
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
    ASSERT_EQ(back.codes, m.codes) << rows << " x " << cols;
    ASSERT_EQ(back.scales, m.scales);
  }
}

TEST(CodeFormats, AnyGranularityThatAgreesIsAccepted) {
  for (const Format* format : code_formats()) {
    CodeMatrix m = random_matrix(*format, 2, 512, 1);
    m.group = 512;
    for (const std::vector<float>& scales : {std::vector<float>{0.25f}, {0.25f, 0.25f}}) {
      m.scales = scales;
      const auto bytes = from_matrix(*format, m);
      for (const float scale : to_matrix(*format, bytes.data(), 2, 512).scales) {
        EXPECT_EQ(scale, 0.25f) << format->name;
      }
    }
    m.group = 64;
    m.scales.assign(16, 0.25f);
    EXPECT_NO_THROW(from_matrix(*format, m));
    m.group = 100;  // does not divide the row: 6 groups, the last of 12 columns
    m.scales.assign(12, 0.25f);
    EXPECT_NO_THROW(from_matrix(*format, m));
    m.scales[11] = 0.5f;
    EXPECT_THROW(from_matrix(*format, m), Error) << format->name;
  }
}

TEST(CodeFormats, WhatCannotBeStoredExactlyIsRefused) {
  for (const Format* format : code_formats()) {
    SCOPED_TRACE(format->name);
    const std::string name = format->name;
    const bool binary = format->weight_class == WeightClass::kBinary;
    const CodeMatrix good = random_matrix(*format, 3, 512, 2);
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
    if (format->group == 0) {
      const auto message = refusal([](CodeMatrix& m) { m.scales = {0.5f, 0.5f, 0.25f}; });
      EXPECT_EQ(message, "argument: " + name +
                             ": row 2, column 0: expected one scale for the tensor, found 0.25");
    } else {
      for (const float bad : {0.1f, 1e-9f, 1e9f, 65520.0f}) {
        EXPECT_NE(refusal([&](CodeMatrix& m) { m.scales[1] = bad; })
                      .find("row 0, column " + std::to_string(format->group) +
                            ": expected a scale that f16 holds exactly"),
                  std::string::npos);
      }
      const auto message = refusal([&](CodeMatrix& m) {
        m.group = format->group / 2;
        m.scales.assign(3 * m.groups(), 0.5f);
        m.scales[m.groups() + 1] = 0.25f;
      });
      EXPECT_EQ(message, "argument: " + name + ": row 1, column " +
                             std::to_string(format->group / 2) +
                             ": expected scale 0.5 as in column 0 (one scale per " +
                             std::to_string(format->group) + " columns), found 0.25");
    }
    CodeMatrix narrow{1, 32, 32, std::vector<int8_t>(32, 1), {1.0f}};
    EXPECT_NE(error_of([&] { format->from_codes(narrow, nullptr); }).find("argument: " + name),
              std::string::npos);
  }
}

TEST(CodeFormats, Code3IsRefusedAsCode) {
  for (const TensorType type : {kTQ2_0, kQ2_0, kI2_S}) {
    const Format& f = format(type);
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
    CodeMatrix m = random_matrix(*format, 1, 256, 4);
    auto bytes = from_matrix(*format, m);
    const float inf = std::numeric_limits<float>::infinity();
    const uint16_t half = 0x7c00;
    const int64_t at = format->id == kTQ2_0 ? 64 : format->id == kI2_S ? 64 : 0;
    if (format->id == kI2_S) {
      std::memcpy(bytes.data() + at, &inf, 4);
    } else {
      std::memcpy(bytes.data() + at, &half, 2);
    }
    EXPECT_EQ(to_matrix(*format, bytes.data(), 1, 256).scales[0], inf) << format->name;
    for (int64_t i = 0; i < 64; ++i) {
      const float value = to_floats(*format, bytes.data(), 1, 256)[i];
      EXPECT_TRUE(m.codes[i] == 0 ? std::isnan(value) : value == inf * m.codes[i]);
    }
  }
}

}  // namespace
}  // namespace onebit
