// Formats of codes that are a packing of the kernels as it lies in memory: the file is mapped and
// multiplied where it is. docs/formats/p_ternary.md. A format's own file supplies
//
//   static constexpr const char* kName;
//   static constexpr Packing kPacking;
//   static constexpr WeightClass kClass;
//   static constexpr int64_t kGroup;  // columns that share a scale; 0: one scale a row
//   static constexpr ScaleType kScaleType;
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "quant/format.h"
#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/panel_shape.h"
#include "quant/unaligned.h"

namespace onebit {

template <typename Layout>
struct PanelFormat {
  static PanelShape shape_of(int64_t rows, int64_t cols) {
    return {Layout::kPacking, rows, cols, Layout::kGroup, Layout::kScaleType};
  }

  // The codes [cols] and scales [groups] of a row, unchecked: a hostile 2-bit code 3 is +2.
  static void unpack(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, int8_t* codes,
                     float* scales) {
    const PanelShape shape = shape_of(rows, cols);
    unpack_matrix_row(shape, tensor, row, cols, codes);
    for (int64_t g = 0; g < shape.groups; ++g) {
      scales[g] = shape.scale(tensor + shape.weight_bytes, row, g);
    }
  }

  static void to_float(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out) {
    const int64_t group = Layout::kGroup == 0 ? cols : Layout::kGroup;
    std::vector<int8_t> codes(static_cast<std::size_t>(cols));
    std::vector<float> scales(static_cast<std::size_t>(shape_of(rows, cols).groups));
    unpack(tensor, rows, cols, row, codes.data(), scales.data());
    for (int64_t col = 0; col < cols; ++col) {
      out[col] = static_cast<float>(codes[static_cast<std::size_t>(col)]) *
                 scales[static_cast<std::size_t>(col / group)];
    }
  }

  static void to_codes(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row,
                       int8_t* codes, float* scales) {
    unpack(tensor, rows, cols, row, codes, scales);
    check_stored_codes(Layout::kName, row, 0, codes, cols);
  }

  static void from_codes(const CodeMatrix& matrix, uint8_t* tensor);

  static constexpr Format format(uint32_t id) {
    return {.id = id,
            .name = Layout::kName,
            .weight_class = Layout::kClass,
            .block = 1,
            .block_bytes = 0,
            .tail_bytes = 0,
            .group = Layout::kGroup,
            .scale_type = Layout::kScaleType,
            .flat = false,
            .packing = Layout::kPacking,
            .to_float = to_float,
            .to_codes = to_codes,
            .from_float = nullptr,
            .from_codes = from_codes};
  }
};

template <typename Layout>
void PanelFormat<Layout>::from_codes(const CodeMatrix& matrix, uint8_t* tensor) {
  check_matrix(matrix, format(0));
  const int64_t rows = matrix.rows;
  const int64_t cols = matrix.cols;
  const PanelShape shape = shape_of(rows, cols);
  const int64_t group = Layout::kGroup == 0 ? cols : Layout::kGroup;
  for (int64_t row = 0; row < rows; ++row) {
    check_codes(matrix, Layout::kName, Layout::kClass, row, 0, cols);
  }
  std::fill_n(tensor + shape.weight_bytes, shape.scales_bytes(), uint8_t{0});
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t g = 0; g < shape.groups; ++g) {
      const int64_t col = g * group;
      const int64_t count = std::min(group, cols - col);
      const float scale = Layout::kScaleType == ScaleType::kF16
                              ? f16_to_f32(shared_scale_f16(matrix, Layout::kName, row, col, count))
                              : shared_scale(matrix, Layout::kName, row, col, count);
      shape.set_scale(tensor + shape.weight_bytes, row, g, scale);
    }
  }
  pack_matrix(shape, matrix.codes.data(), cols, tensor);
}

}  // namespace onebit
