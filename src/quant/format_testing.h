// For the tests of the formats: whole matrices through the row functions, and errors as text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
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
  const int64_t scales = format.group == 0 ? 0 : m.groups();  // stride: a tensor scale is repeated
  m.scales.resize(format.group == 0 ? 1 : rows * scales);
  for (int64_t row = 0; row < rows; ++row) {
    format.to_codes(tensor, rows, cols, row, m.codes.data() + row * cols,
                    m.scales.data() + row * scales);
  }
  return m;
}

inline std::vector<uint8_t> from_matrix(const Format& format, const CodeMatrix& m) {
  std::vector<uint8_t> bytes(format.bytes(m.rows, m.cols), 0xa5);
  format.from_codes(m, bytes.data());
  return bytes;
}

}  // namespace onebit::testing
