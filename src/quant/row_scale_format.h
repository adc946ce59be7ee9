// Formats with one scale a row, in front of the row's blocks of codes (the BitNet types of
// ik_llama.cpp). A format's own file supplies a Layout, as for block_format.h, with
//
//   static constexpr int64_t kHeaderBytes;  // 4: the scale is an f32; 2: an f16
//
// instead of kScaleAt, and gets to_float, to_codes and from_codes from it.
#pragma once

#include <cstdint>

#include "quant/format.h"
#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {

template <typename Layout>
struct RowScaleFormat {
  static_assert(Layout::kHeaderBytes == 4 || Layout::kHeaderBytes == 2);

  static const uint8_t* row_at(const uint8_t* tensor, int64_t cols, int64_t row) {
    return tensor + row * (Layout::kHeaderBytes + cols / Layout::kBlock * Layout::kBytes);
  }

  static float load_scale(const uint8_t* header) {
    return Layout::kHeaderBytes == 4 ? load<float>(header) : load_f16(header);
  }

  static void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row,
                       float* out) {
    const uint8_t* header = row_at(tensor, cols, row);
    const float scale = load_scale(header);
    const uint8_t* block = header + Layout::kHeaderBytes;
    for (int64_t col = 0; col < cols; col += Layout::kBlock, block += Layout::kBytes) {
      int8_t codes[Layout::kBlock];
      Layout::unpack(block, codes);
      for (int64_t i = 0; i < Layout::kBlock; ++i)
        out[col + i] = static_cast<float>(codes[i]) * scale;
    }
  }

  static void to_codes(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row,
                       int8_t* codes, float* scales) {
    const uint8_t* header = row_at(tensor, cols, row);
    scales[0] = load_scale(header);
    const uint8_t* block = header + Layout::kHeaderBytes;
    for (int64_t col = 0; col < cols; col += Layout::kBlock, block += Layout::kBytes) {
      Layout::unpack(block, codes + col);
    }
    check_stored_codes(Layout::kName, row, 0, codes, cols);
  }

  static void from_codes(const CodeMatrix& matrix, uint8_t* tensor);

  static constexpr Format format(uint32_t id) {
    return {.id = id,
            .name = Layout::kName,
            .weight_class = Layout::kClass,
            .row_header_bytes = Layout::kHeaderBytes,
            .block = Layout::kBlock,
            .block_bytes = Layout::kBytes,
            .tail_bytes = 0,
            .group = 0,
            .scale_type = Layout::kHeaderBytes == 2 ? ScaleType::kF16 : ScaleType::kF32,
            .flat = false,
            .to_float = to_float,
            .to_codes = to_codes,
            .from_float = nullptr,
            .from_codes = from_codes};
  }
};

template <typename Layout>
void RowScaleFormat<Layout>::from_codes(const CodeMatrix& matrix, uint8_t* tensor) {
  check_matrix(matrix, format(0));
  for (int64_t row = 0; row < matrix.rows; ++row) {
    check_codes(matrix, Layout::kName, Layout::kClass, row, 0, matrix.cols);
    if constexpr (Layout::kHeaderBytes == 4) {
      store(tensor, shared_scale(matrix, Layout::kName, row, 0, matrix.cols));
    } else {
      store(tensor, shared_scale_f16(matrix, Layout::kName, row, 0, matrix.cols));
    }
    tensor += Layout::kHeaderBytes;
    for (int64_t col = 0; col < matrix.cols; col += Layout::kBlock, tensor += Layout::kBytes) {
      Layout::pack(matrix.codes.data() + row * matrix.cols + col, tensor);
    }
  }
}

}  // namespace onebit
