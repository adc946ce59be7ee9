// A ternary or binary matrix as numbers: what the bits of any 1-bit format mean.
#pragma once

#include <cstdint>
#include <vector>

#include "base/checked.h"

namespace onebit {

enum class WeightClass { kFloat, kBinary, kTernary };

// Value [r][c] = scale(r, c) * codes[r * cols + c]. Codes are -1, 0, +1 (never 0 when binary).
struct CodeMatrix {
  int64_t rows = 0;  // N, outputs
  int64_t cols = 0;  // K, inputs
  // Columns that share a scale: `cols` for one scale a row. Ignored when there is one scale in all.
  int64_t group = 0;
  std::vector<int8_t> codes;  // [rows * cols]
  std::vector<float> scales;  // [1] for the whole matrix, or [rows * groups()]

  bool tensor_scale() const { return scales.size() == 1 && rows * groups() != 1; }
  int64_t groups() const { return ceil_div(cols, group); }  // scales per row
  float scale(int64_t row, int64_t col) const {
    return scales.size() == 1 ? scales[0]
                              : scales[static_cast<std::size_t>(row * groups() + col / group)];
  }
};

}  // namespace onebit
