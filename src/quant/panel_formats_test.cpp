// The panel formats: the bytes are the packing's, the scales the kernels' order.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "quant/format.h"
#include "quant/format_testing.h"
#include "quant/panel_shape.h"
#include "quant/weights.h"

namespace onebit {
namespace {

using namespace testing;

std::vector<const Format*> panel_formats() {
  std::vector<const Format*> found;
  for (const Format& f : formats()) {
    if (f.packing) found.push_back(&f);
  }
  return found;
}

float float_at(const std::vector<uint8_t>& bytes, int64_t at) {
  float value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

float f16_at(const std::vector<uint8_t>& bytes, int64_t at) {
  uint16_t half;
  std::memcpy(&half, bytes.data() + at, sizeof half);
  return f16_to_f32(half);
}

TEST(PanelFormats, EveryOneIsListed) {
  EXPECT_EQ(panel_formats().size(), 12u);
  for (const Format* f : panel_formats()) {
    EXPECT_GT(f->id, 0x4f420000u - 1);
    EXPECT_FALSE(f->has_tensor_scale());
  }
}

// Rows and columns that fill no tile, no panel and no group.
TEST(PanelFormats, HoldThePanelsAndTheirScales) {
  for (const Format* f : panel_formats()) {
    if (f->from_codes == nullptr) continue;
    for (const auto& [rows, cols] :
         {std::pair<int64_t, int64_t>{1, 1}, {17, 63}, {33, 130}, {128, 256}, {161, 321}}) {
      SCOPED_TRACE(std::string(f->name) + " " + std::to_string(rows) + " " + std::to_string(cols));
      const CodeMatrix m = random_matrix(*f, rows, cols, 7);
      const auto bytes = from_matrix(*f, m);
      const PanelShape shape(*f->packing, rows, cols, f->group, f->scale_type);
      const int64_t size = f->scale_type == ScaleType::kF16 ? 2 : 4;
      ASSERT_EQ(shape.bytes(), static_cast<int64_t>(bytes.size()));
      ASSERT_EQ(shape.weight_bytes, packed_bytes(*f->packing, rows, cols));
      ASSERT_EQ(f->trailing_bytes(rows, cols), shape.n_scales * size);
      const int64_t full = packing_shape(*f->packing).rows;
      int64_t first_scale = 0;  // of the panel
      for (int64_t first = 0; first < rows; first += full) {
        const int64_t n = std::min(full, rows - first);
        const int64_t padded = padded_rows(*f->packing, n);
        const uint8_t* panel = bytes.data() + first / full * panel_bytes(*f->packing, cols);
        for (int64_t r = 0; r < n; ++r) {
          for (int64_t c = 0; c < cols; ++c) {
            ASSERT_EQ(panel_code(*f->packing, panel, n, r, c), m.codes[(first + r) * cols + c]);
          }
        }
        for (int64_t g = 0; g < shape.groups; ++g) {
          for (int64_t r = 0; r < padded; ++r) {
            const int64_t at = shape.weight_bytes + (first_scale + g * padded + r) * size;
            const float found = size == 2 ? f16_at(bytes, at) : float_at(bytes, at);
            ASSERT_EQ(found, r < n ? m.scale(first + r, g * m.group) : 0.0f);
          }
        }
        first_scale += padded * shape.groups;
      }
      ASSERT_EQ(first_scale, shape.n_scales);
    }
  }
}

TEST(PanelFormats, Code3IsRefusedAsCodeAnd2AsFloat) {
  const Format& f = format(kP_TERNARY);
  CodeMatrix m = random_matrix(f, 20, 100, 3);
  m.scales.assign(20, 0.5f);
  auto bytes = from_matrix(f, m);
  bytes[0] |= 3;  // row 0, column 0
  EXPECT_EQ(error_of([&] { to_matrix(f, bytes.data(), 20, 100); }),
            "file: P_TERNARY: row 0, column 0: expected 2-bit code 0, 1 or 2, found 3");
  EXPECT_EQ(to_floats(f, bytes.data(), 20, 100)[0], 1.0f);
}

TEST(PanelFormats, F16HoldsItsScalesOrRefusesThem) {
  for (const TensorType type : {kP_TERNARY_64_F16, kP_BINARY_128_F16}) {
    const Format& f = format(type);
    CodeMatrix m = random_matrix(f, 20, 300, 3);
    m.scales[0] = 0.1f;
    std::vector<uint8_t> bytes(f.bytes(20, 300));
    EXPECT_EQ(error_of([&] { f.from_codes(m, bytes.data()); }),
              "argument: " + std::string(f.name) +
                  ": row 0, column 0: expected a scale that f16 holds exactly, found 0.1");
  }
}

struct RowQuantiser {
  TensorType type;
  float (*quantize)(const float*, int64_t, int8_t*);
  float largest;
};

class PanelFloats : public ::testing::TestWithParam<RowQuantiser> {};

TEST_P(PanelFloats, AreTheRowsOwnQuantiser) {
  const auto& [type, quantize, largest] = GetParam();
  const Format& f = format(type);
  Rng rng(9);
  const int64_t rows = 35;
  const int64_t cols = 70;
  std::vector<float> values(rows * cols);
  for (float& v : values) v = static_cast<float>(rng.normal());
  std::fill_n(values.begin() + 3 * cols, cols, 0.0f);
  std::vector<uint8_t> bytes(f.bytes(rows, cols), 0xa5);
  f.from_float(values.data(), rows, cols, bytes.data());
  const auto floats = to_floats(f, bytes.data(), rows, cols);
  std::vector<int8_t> codes(cols);
  for (int64_t row = 0; row < rows; ++row) {
    const float scale = quantize(values.data() + row * cols, cols, codes.data());
    float max = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const float v = values[row * cols + c];
      max = std::max(max, std::fabs(v));
      ASSERT_EQ(floats[row * cols + c], static_cast<float>(codes[c]) * scale);
      ASSERT_LE(std::fabs(floats[row * cols + c] - v), scale * 0.50001f);
    }
    ASSERT_EQ(scale, max / largest);
  }
  values[cols + 5] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(
      error_of([&] { f.from_float(values.data(), rows, cols, bytes.data()); }),
      "argument: " + std::string(f.name) + ": row 1, column 5: expected a finite value, found inf");
}

INSTANTIATE_TEST_SUITE_P(All, PanelFloats,
                         ::testing::Values(RowQuantiser{kP_INT8, quantize_int8, 127},
                                           RowQuantiser{kP_INT6, quantize_int6, 31}),
                         [](const auto& test) {
                           return std::string(format(test.param.type).name);
                         });

// Whatever the row, its codes are numbers: a hostile file must not reach an undefined conversion.
TEST(PanelFormats, Int8OfARowThatIsNotFiniteIsZeroCodesAndAScaleThatSaysSo) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float row[] = {1, bad, -2};
    int8_t codes[] = {7, 7, 7};
    EXPECT_FALSE(std::isfinite(quantize_int8(row, 3, codes)));
    for (const int8_t code : codes) EXPECT_EQ(code, 0);
  }
}

// Of docs/formats: the first bytes, and zeros up to the scale.
TEST(PanelFormats, Vectors) {
  const auto expect = [](const std::vector<uint8_t>& bytes, int64_t weight_bytes, int first,
                         int second, float scale) {
    ASSERT_EQ(float_at(bytes, weight_bytes), scale);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (static_cast<int64_t>(i) / 4 == weight_bytes / 4) continue;
      ASSERT_EQ(bytes[i], i == 0 ? first : i == 1 ? second : 0) << i;
    }
  };
  expect(from_matrix(format(kP_TERNARY), {1, 2, 2, {1, -1}, {0.5f}}), 256, 0x02, 0x00, 0.5f);
  expect(from_matrix(format(kP_BINARY), {1, 4, 4, {1, -1, -1, 1}, {0.5f}}), 256, 0x01, 0x10, 0.5f);
  const auto f16 = from_matrix(format(kP_BINARY_128_F16), {1, 4, 4, {1, -1, -1, 1}, {0.5f}});
  ASSERT_EQ(f16.size(), 256u + 32 * 2);
  for (std::size_t i = 0; i < f16.size(); ++i) {
    ASSERT_EQ(f16[i], i == 0 ? 0x01 : i == 1 ? 0x10 : i == 257 ? 0x38 : 0) << i;
  }
  const float values[] = {127, -1};
  std::vector<uint8_t> bytes(format(kP_INT8).bytes(1, 2), 0xa5);
  format(kP_INT8).from_float(values, 1, 2, bytes.data());
  expect(bytes, 1024, 0xff, 0x7f, 1.0f);
  const float small[] = {31, -1};
  bytes.assign(format(kP_INT6).bytes(1, 2), 0xa5);
  format(kP_INT6).from_float(small, 1, 2, bytes.data());
  expect(bytes, 768, 0x3f, 0x1f, 1.0f);
}

TEST(PanelFormats, SizesAreChecked) {
  EXPECT_EQ(format(kP_TERNARY).bytes(16, 64), 16 * 64 / 4 + 16 * 4);
  EXPECT_EQ(format(kP_TERNARY).bytes(1, 1), 16 * 64 / 4 + 16 * 4);
  EXPECT_EQ(format(kP_TERNARY_64).bytes(16, 65), 16 * 128 / 4 + 16 * 4 * 2);
  EXPECT_EQ(format(kP_BINARY).bytes(128 + 1, 64), 160 * 64 / 8 + 160 * 4);
  EXPECT_EQ(format(kP_BINARY_128).bytes(128, 256), 128 * 256 / 8 + 128 * 4 * 2);
  EXPECT_EQ(format(kP_BINARY_128_F16).bytes(128, 256), 128 * 256 / 8 + 128 * 2 * 2);
  EXPECT_EQ(format(kP_TERNARY_64_F16).bytes(16, 65), 16 * 128 / 4 + 16 * 2 * 2);
  EXPECT_EQ(format(kP_INT8).bytes(17, 64), 32 * 64 + 32 * 4);
  EXPECT_EQ(format(kP_INT6).bytes(17, 64), 32 * 48 + 32 * 4);
  EXPECT_THROW(format(kP_INT8).bytes(1, kMaxColumnsInt8 + 1), Error);
  EXPECT_THROW(format(kP_INT6).bytes(1, kMaxColumnsInt8 + 1), Error);
  EXPECT_THROW(format(kP_BINARY).bytes(1, kMaxColumns + 1), Error);
  EXPECT_THROW(format(kP_BINARY).bytes(std::numeric_limits<int64_t>::max() - 1, 64), Error);
}

}  // namespace
}  // namespace onebit
