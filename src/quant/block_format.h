// Formats made of blocks of codes with an f16 scale each. A format's own file supplies a Layout:
//
//   static constexpr const char* kName;
//   static constexpr WeightClass kClass;
//   static constexpr int64_t kBlock;    // codes in a block, all in one row
//   static constexpr int64_t kBytes;    // bytes of a block, scale included
//   static constexpr int64_t kScaleAt;  // offset of the f16 scale
//   static void unpack(const uint8_t* block, int8_t* codes);      // [kBlock], -1 to +2
//   static void pack(const int8_t* codes, uint8_t* block);        // all but the scale
//
// and gets to_float, to_codes and from_codes from it.
#pragma once

#include <cstdint>

#include "quant/format.h"
#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {

template <typename Layout>
const uint8_t* block_row(const uint8_t* tensor, int64_t cols, int64_t row) {
  return tensor + row * (cols / Layout::kBlock) * Layout::kBytes;
}

template <typename Layout>
void blocks_to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row,
                     float* out) {
  const uint8_t* block = block_row<Layout>(tensor, cols, row);
  for (int64_t col = 0; col < cols; col += Layout::kBlock, block += Layout::kBytes) {
    int8_t codes[Layout::kBlock];
    Layout::unpack(block, codes);
    const float scale = load_f16(block + Layout::kScaleAt);
    for (int64_t i = 0; i < Layout::kBlock; ++i)
      out[col + i] = static_cast<float>(codes[i]) * scale;
  }
}

template <typename Layout>
void blocks_to_codes(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row,
                     int8_t* codes, float* scales) {
  const uint8_t* block = block_row<Layout>(tensor, cols, row);
  for (int64_t col = 0; col < cols; col += Layout::kBlock, block += Layout::kBytes) {
    Layout::unpack(block, codes + col);
    *scales++ = load_f16(block + Layout::kScaleAt);
  }
  check_stored_codes(Layout::kName, row, 0, codes, cols);
}

template <typename Layout>
void blocks_from_codes(const CodeMatrix& matrix, uint8_t* tensor);

template <typename Layout>
constexpr Format block_format(uint32_t id) {
  return {.id = id,
          .name = Layout::kName,
          .weight_class = Layout::kClass,
          .block = Layout::kBlock,
          .block_bytes = Layout::kBytes,
          .tail_bytes = 0,
          .group = Layout::kBlock,
          .scale_type = ScaleType::kF16,
          .flat = false,
          .to_float = blocks_to_float<Layout>,
          .to_codes = blocks_to_codes<Layout>,
          .from_float = nullptr,
          .from_codes = blocks_from_codes<Layout>};
}

template <typename Layout>
void blocks_from_codes(const CodeMatrix& matrix, uint8_t* tensor) {
  check_matrix(matrix, block_format<Layout>(0));
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t col = 0; col < matrix.cols; col += Layout::kBlock, tensor += Layout::kBytes) {
      check_codes(matrix, Layout::kName, Layout::kClass, row, col, Layout::kBlock);
      Layout::pack(matrix.codes.data() + row * matrix.cols + col, tensor);
      store(tensor + Layout::kScaleAt,
            shared_scale_f16(matrix, Layout::kName, row, col, Layout::kBlock));
    }
  }
}

}  // namespace onebit
