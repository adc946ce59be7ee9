// The checks that keep conversion between codes and bytes lossless, shared by all formats. Each
// throws Error(kInvalidArgument), or kInvalidFile for bytes read, naming the row and column.
#pragma once

#include <cstdint>
#include <string>

#include "quant/code_matrix.h"

namespace onebit {

struct Format;

// The shape fits `format`. (Array sizes that contradict the fields are a programmer error.)
void check_matrix(const CodeMatrix& matrix, const Format& format);

// `count` codes from (row, col) on are of `weight_class`: -1, 0, +1, or only -1, +1.
void check_codes(const CodeMatrix& matrix, const char* format, WeightClass weight_class,
                 int64_t row, int64_t col, int64_t count);

// The one scale of the `count` columns from (row, col) on: finite, and the same for all of them.
float shared_scale(const CodeMatrix& matrix, const char* format, int64_t row, int64_t col,
                   int64_t count);

// shared_scale() as f16 bits, if f16 holds it exactly.
uint16_t shared_scale_f16(const CodeMatrix& matrix, const char* format, int64_t row, int64_t col,
                          int64_t count);

// A code read from a file that ternary does not have: `codes` are stored value - 1, so +2.
void check_stored_codes(const char* format, int64_t row, int64_t col, const int8_t* codes,
                        int64_t count);

// "FORMAT: row R, column C: expected X, found V" as Error(kInvalidArgument).
[[noreturn]] void refuse_value(const char* format, int64_t row, int64_t col,
                               const std::string& expected, float value);

}  // namespace onebit
