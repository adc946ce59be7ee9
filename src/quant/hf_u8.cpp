// HF_U8: ternary weights as Hugging Face transformers packs them (quant_method "bitnet"), four rows
// to a byte, the scale in a tensor of its own. docs/formats/hf_u8.md.
#include <algorithm>

#include "quant/format_list.h"
#include "quant/lossless.h"

namespace onebit {
namespace {

constexpr char kName[] = "HF_U8";

// The bytes that hold `row`, and its bit pair in each of them.
struct Place {
  const uint8_t* bytes;
  int shift;

  Place(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row)
      : bytes(tensor + row % (rows / 4) * cols), shift(static_cast<int>(2 * (row / (rows / 4)))) {}
  int code(int64_t col) const { return (bytes[col] >> shift & 3) - 1; }
};

// Code 3 is never written; transformers reads it as +2, and so does this.
void to_float(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out) {
  const Place place(tensor, rows, cols, row);
  for (int64_t col = 0; col < cols; ++col) out[col] = static_cast<float>(place.code(col));
}

void to_codes(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, int8_t* codes,
              float* scales) {
  const Place place(tensor, rows, cols, row);
  for (int64_t col = 0; col < cols; ++col) codes[col] = static_cast<int8_t>(place.code(col));
  check_stored_codes(kName, row, 0, codes, cols);
  scales[0] = 1;
}

void from_codes(const CodeMatrix& matrix, uint8_t* tensor) {
  check_matrix(matrix, hf_u8_format);
  const int64_t cols = matrix.cols;
  const int64_t packed_rows = matrix.rows / 4;
  std::fill_n(tensor, packed_rows * cols, uint8_t{0});
  for (int64_t row = 0; row < matrix.rows; ++row) {
    check_codes(matrix, kName, WeightClass::kTernary, row, 0, cols);
    const float scale = shared_scale(matrix, kName, row, 0, cols);
    if (scale != 1) refuse_value(kName, row, 0, "scale 1, as it holds none", scale);
    const int8_t* codes = matrix.codes.data() + row * cols;
    uint8_t* bytes = tensor + row % packed_rows * cols;
    for (int64_t col = 0; col < cols; ++col) {
      bytes[col] = static_cast<uint8_t>(bytes[col] | (codes[col] + 1) << 2 * (row / packed_rows));
    }
  }
}

}  // namespace

constinit const Format hf_u8_format = {.id = kHF_U8,
                                       .name = kName,
                                       .weight_class = WeightClass::kTernary,
                                       .row_block = 4,
                                       .block = 1,
                                       .block_bytes = 1,
                                       .tail_bytes = 0,
                                       .group = 0,
                                       .flat = false,
                                       .to_float = to_float,
                                       .to_codes = to_codes,
                                       .from_float = nullptr,
                                       .from_codes = from_codes};

}  // namespace onebit
