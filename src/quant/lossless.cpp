#include "quant/lossless.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/half.h"
#include "quant/format.h"

namespace onebit {
namespace {

std::string place(const char* format, int64_t row, int64_t col) {
  return std::string(format) + ": row " + std::to_string(row) + ", column " + std::to_string(col);
}

// The shortest text that reads back as `value`.
std::string exact_text(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

// Bits, not values: a zero scale keeps its sign.
bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

}  // namespace

void refuse_value(const char* format, int64_t row, int64_t col, const std::string& expected,
                  float value) {
  throw Error(ErrorCode::kInvalidArgument,
              place(format, row, col) + ": expected " + expected + ", found " + exact_text(value));
}

void check_matrix(const CodeMatrix& matrix, const Format& format) {
  ONEBIT_CHECK(static_cast<int64_t>(matrix.codes.size()) == matrix.rows * matrix.cols);
  ONEBIT_CHECK(matrix.scales.size() == 1 ||
               (matrix.group > 0 &&
                static_cast<int64_t>(matrix.scales.size()) == matrix.rows * matrix.groups()));
  try {
    format.bytes(matrix.rows, matrix.cols);
  } catch (const Error& e) {  // the shape comes from the caller here, not from a file
    throw Error(ErrorCode::kInvalidArgument, e.what());
  }
}

void check_codes(const CodeMatrix& matrix, const char* format, WeightClass weight_class,
                 int64_t row, int64_t col, int64_t count) {
  const bool binary = weight_class == WeightClass::kBinary;
  const int8_t* codes = matrix.codes.data() + row * matrix.cols + col;
  const int8_t* bad = std::find_if(codes, codes + count, [&](int8_t code) {
    return code < -1 || code > 1 || (binary && code == 0);
  });
  if (bad == codes + count) return;
  refuse_value(format, row, col + (bad - codes), binary ? "code -1 or +1" : "code -1, 0 or +1",
               *bad);
}

float shared_scale(const CodeMatrix& matrix, const char* format, int64_t row, int64_t col,
                   int64_t count) {
  const float scale = matrix.scale(row, col);
  if (!std::isfinite(scale)) refuse_value(format, row, col, "a finite scale", scale);
  if (matrix.scales.size() == 1) return scale;
  // The first column of each later group that begins before the end.
  for (int64_t c = (col / matrix.group + 1) * matrix.group; c < col + count; c += matrix.group) {
    if (!same(matrix.scale(row, c), scale)) {
      refuse_value(format, row, c,
                   "scale " + exact_text(scale) + " as in column " + std::to_string(col) +
                       " (one scale per " + std::to_string(count) + " columns)",
                   matrix.scale(row, c));
    }
  }
  return scale;
}

uint16_t shared_scale_f16(const CodeMatrix& matrix, const char* format, int64_t row, int64_t col,
                          int64_t count) {
  const float scale = shared_scale(matrix, format, row, col, count);
  if (!is_f16(scale)) refuse_value(format, row, col, "a scale that f16 holds exactly", scale);
  return f32_to_f16(scale);
}

void check_stored_codes(const char* format, int64_t row, int64_t col, const int8_t* codes,
                        int64_t count) {
  const int8_t* bad = std::find(codes, codes + count, int8_t{2});
  if (bad == codes + count) return;
  throw Error(ErrorCode::kInvalidFile,
              place(format, row, col + (bad - codes)) + ": expected 2-bit code 0, 1 or 2, found 3");
}

}  // namespace onebit
