// I2_S: ternary, four weights to a byte, one f32 scale for the whole tensor. docs/formats/i2_s.md.
#include <algorithm>
#include <bit>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

constexpr const char* kName = "I2_S";
constexpr int64_t kGroup = 128;      // weights that are interleaved
constexpr int64_t kGroupBytes = 32;  // and their bytes
constexpr int64_t kTailBytes = 32;   // f32 scale, then 28 bytes that nobody reads

// Weight j of a group is in byte j % 32, the first 32 in the highest bits. 3 comes out as +2.
void unpack(const uint8_t* bytes, int8_t* codes) {
  for (int l = 0; l < 4; ++l) {
    for (int m = 0; m < kGroupBytes; ++m) {
      codes[32 * l + m] = static_cast<int8_t>((bytes[m] >> (6 - 2 * l) & 3) - 1);
    }
  }
}

void pack(const int8_t* codes, uint8_t* bytes) {
  for (int m = 0; m < kGroupBytes; ++m) {
    int byte = 0;
    for (int l = 0; l < 4; ++l) byte |= (codes[32 * l + m] + 1) << (6 - 2 * l);
    bytes[m] = static_cast<uint8_t>(byte);
  }
}

float tensor_scale(const uint8_t* tensor, int64_t rows, int64_t cols) {
  return load<float>(tensor + rows * cols / 4);
}

// Calls visit(col, codes, count) for the pieces of a row. The tensor is one run of values: with
// cols % 128 != 0 a row begins and ends inside groups that it shares with its neighbours.
template <typename Visit>
void for_each_piece(const uint8_t* tensor, int64_t cols, int64_t row, Visit visit) {
  const int64_t end = (row + 1) * cols;
  for (int64_t at = row * cols; at < end;) {
    const int64_t first = at % kGroup;
    const int64_t count = std::min(kGroup - first, end - at);
    int8_t codes[kGroup];
    unpack(tensor + at / kGroup * kGroupBytes, codes);
    visit(at - row * cols, codes + first, count);
    at += count;
  }
}

// Code 3 is never written; readers elsewhere take it as 0, and so does this.
void to_float(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out) {
  const float scale = tensor_scale(tensor, rows, cols);
  for_each_piece(tensor, cols, row, [&](int64_t col, const int8_t* codes, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      out[col + i] = static_cast<float>(codes[i] == 2 ? 0 : codes[i]) * scale;
    }
  });
}

void to_codes(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, int8_t* codes,
              float* scales) {
  for_each_piece(tensor, cols, row, [&](int64_t col, const int8_t* piece, int64_t count) {
    std::copy_n(piece, count, codes + col);
  });
  check_stored_codes(kName, row, 0, codes, cols);
  scales[0] = tensor_scale(tensor, rows, cols);
}

void from_codes(const CodeMatrix& matrix, uint8_t* tensor) {
  check_matrix(matrix, i2_s_format);
  const float scale = shared_scale(matrix, kName, 0, 0, matrix.cols);
  for (int64_t row = 0; row < matrix.rows; ++row) {
    check_codes(matrix, kName, WeightClass::kTernary, row, 0, matrix.cols);
    const float row_scale = shared_scale(matrix, kName, row, 0, matrix.cols);
    if (std::bit_cast<uint32_t>(row_scale) != std::bit_cast<uint32_t>(scale)) {
      refuse_value(kName, row, 0, "one scale for the tensor", row_scale);
    }
  }
  for (int64_t at = 0; at < matrix.rows * matrix.cols; at += kGroup, tensor += kGroupBytes) {
    pack(matrix.codes.data() + at, tensor);
  }
  std::fill_n(tensor, kTailBytes, uint8_t{0});
  store(tensor, scale);
}

}  // namespace

constinit const Format i2_s_format = {.id = kI2_S,
                                      .name = kName,
                                      .weight_class = WeightClass::kTernary,
                                      .block = kGroup,
                                      .block_bytes = kGroupBytes,
                                      .tail_bytes = kTailBytes,
                                      .group = 0,
                                      .flat = true,
                                      .to_float = to_float,
                                      .to_codes = to_codes,
                                      .from_float = nullptr,
                                      .from_codes = from_codes};

}  // namespace onebit
