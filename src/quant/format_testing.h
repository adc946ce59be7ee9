// For the tests of the formats: whole matrices through the row functions, and errors as text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/half.h"
#include "base/rng.h"
#include "quant/format.h"

namespace onebit::testing {

inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return (e.code() == ErrorCode::kInvalidArgument ? "argument: " : "file: ") +
           std::string(e.what());
  }
  return "no error";
}

inline std::vector<float> to_floats(const Format& format, const uint8_t* tensor, int64_t rows,
                                    int64_t cols) {
  std::vector<float> out(rows * cols);
  for (int64_t row = 0; row < rows; ++row) {
    format.to_float(tensor, rows, cols, row, out.data() + row * cols);
  }
  return out;
}

inline CodeMatrix to_matrix(const Format& format, const uint8_t* tensor, int64_t rows,
                            int64_t cols) {
  CodeMatrix m;
  m.rows = rows;
  m.cols = cols;
  m.group = format.group == 0 ? cols : format.group;
  m.codes.resize(rows * cols);
  // A tensor scale comes again with each row.
  const int64_t stride = format.has_tensor_scale() ? 0 : m.groups();
  m.scales.resize(format.has_tensor_scale() ? 1 : rows * stride);
  for (int64_t row = 0; row < rows; ++row) {
    format.to_codes(tensor, rows, cols, row, m.codes.data() + row * cols,
                    m.scales.data() + row * stride);
  }
  return m;
}

// Random codes of the format's class and, where the format keeps them, random f16-exact scales.
inline CodeMatrix random_matrix(const Format& format, int64_t rows, int64_t cols, uint64_t seed) {
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
  const int64_t scales = format.has_tensor_scale() ? 1 : rows * m.groups();
  for (int64_t i = 0; i < scales; ++i) {
    m.scales.push_back(f16_to_f32(static_cast<uint16_t>(rng.below(0x7c00))));
  }
  if (format.has_tensor_scale()) m.scales[0] = 0.1f;  // an f32 that is not an f16
  return m;
}

// All that hold codes and scales, variants included. Not HF_U8, which leaves its scale to the file
// (hf_u8_test.cpp).
inline std::vector<const Format*> code_formats() {
  std::vector<const Format*> found;
  for (const auto list : {formats(), format_variants()}) {
    for (const Format& format : list) {
      if (format.from_codes != nullptr && format.id != kHF_U8) found.push_back(&format);
    }
  }
  return found;
}

inline std::vector<uint8_t> from_matrix(const Format& format, const CodeMatrix& m) {
  std::vector<uint8_t> bytes(format.bytes(m.rows, m.cols), 0xa5);
  format.from_codes(m, bytes.data());
  return bytes;
}

}  // namespace onebit::testing
