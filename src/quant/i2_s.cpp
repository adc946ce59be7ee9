// I2_S: ternary, four weights to a byte, one f32 scale for the whole tensor, in the three layouts
// that share the id. docs/formats/i2_s.md.
#include <algorithm>
#include <bit>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

constexpr int64_t kTailBytes = 32;  // f32 scale, then 28 bytes that nobody reads

// Flat: the tensor is one run of values in groups of kGroup. Bit pair l (from the top) of byte m of
// a group is its weight m + kGroup / 4 * l.
template <int64_t kGroup>
struct Grouped {
  static constexpr bool kFlat = true;
  static constexpr int64_t kRowBlock = 1;
  static constexpr int64_t kBlock = kGroup;
  static constexpr int64_t kBytes = kGroup / 4;

  // Calls visit(col, codes, count) for the pieces of a row. With cols % kGroup != 0 a row begins
  // and ends inside groups that it shares with its neighbours. Code 3 comes out as +2.
  template <typename Visit>
  static void for_each_piece(const uint8_t* tensor, int64_t cols, int64_t row, Visit visit) {
    const int64_t end = (row + 1) * cols;
    for (int64_t at = row * cols; at < end;) {
      const int64_t first = at % kGroup;
      const int64_t count = std::min(kGroup - first, end - at);
      const uint8_t* bytes = tensor + at / kGroup * kBytes;
      int8_t codes[kGroup];
      for (int l = 0; l < 4; ++l) {
        for (int64_t m = 0; m < kBytes; ++m) {
          codes[kBytes * l + m] = static_cast<int8_t>((bytes[m] >> (6 - 2 * l) & 3) - 1);
        }
      }
      visit(at - row * cols, codes + first, count);
      at += count;
    }
  }

  static void pack(const CodeMatrix& matrix, uint8_t* tensor) {
    for (int64_t at = 0; at < matrix.rows * matrix.cols; at += kGroup, tensor += kBytes) {
      const int8_t* codes = matrix.codes.data() + at;
      for (int64_t m = 0; m < kBytes; ++m) {
        int byte = 0;
        for (int l = 0; l < 4; ++l) byte |= (codes[kBytes * l + m] + 1) << (6 - 2 * l);
        tensor[m] = static_cast<uint8_t>(byte);
      }
    }
  }
};

// Byte r * cols + c holds column c of rows 4 r to 4 r + 3, the first in the highest bits.
struct FourRows {
  static constexpr bool kFlat = false;
  static constexpr int64_t kRowBlock = 4;
  static constexpr int64_t kBlock = 1;
  static constexpr int64_t kBytes = 1;

  template <typename Visit>
  static void for_each_piece(const uint8_t* tensor, int64_t cols, int64_t row, Visit visit) {
    const uint8_t* bytes = tensor + row / 4 * cols;
    for (int64_t col = 0; col < cols; ++col) {
      const auto code = static_cast<int8_t>((bytes[col] >> (6 - 2 * (row % 4)) & 3) - 1);
      visit(col, &code, 1);
    }
  }

  static void pack(const CodeMatrix& matrix, uint8_t* tensor) {
    const int64_t cols = matrix.cols;
    for (int64_t row = 0; row < matrix.rows; row += 4) {
      for (int64_t col = 0; col < cols; ++col) {
        const int8_t* codes = matrix.codes.data() + row * cols + col;
        int byte = 0;
        for (int r = 0; r < 4; ++r) byte |= (codes[r * cols] + 1) << (6 - 2 * r);
        *tensor++ = static_cast<uint8_t>(byte);
      }
    }
  }
};

template <typename Order, const char* kName>
struct I2S {
  static float tensor_scale(const uint8_t* tensor, int64_t rows, int64_t cols) {
    return load<float>(tensor + rows * cols / 4);
  }

  // Code 3 is never written; readers elsewhere take it as 0, and so does this.
  static void to_float(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out) {
    const float scale = tensor_scale(tensor, rows, cols);
    Order::for_each_piece(tensor, cols, row, [&](int64_t col, const int8_t* codes, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        out[col + i] = static_cast<float>(codes[i] == 2 ? 0 : codes[i]) * scale;
      }
    });
  }

  static void to_codes(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row,
                       int8_t* codes, float* scales) {
    Order::for_each_piece(tensor, cols, row, [&](int64_t col, const int8_t* piece, int64_t count) {
      std::copy_n(piece, count, codes + col);
    });
    check_stored_codes(kName, row, 0, codes, cols);
    scales[0] = tensor_scale(tensor, rows, cols);
  }

  static void from_codes(const CodeMatrix& matrix, uint8_t* tensor);

  static constexpr Format format() {
    return {.id = kI2_S,
            .name = kName,
            .weight_class = WeightClass::kTernary,
            .row_block = Order::kRowBlock,
            .block = Order::kBlock,
            .block_bytes = Order::kBytes,
            .tail_bytes = kTailBytes,
            .group = 0,
            .flat = Order::kFlat,
            .to_float = to_float,
            .to_codes = to_codes,
            .from_float = nullptr,
            .from_codes = from_codes};
  }
};

template <typename Order, const char* kName>
void I2S<Order, kName>::from_codes(const CodeMatrix& matrix, uint8_t* tensor) {
  check_matrix(matrix, format());
  const float scale = shared_scale(matrix, kName, 0, 0, matrix.cols);
  for (int64_t row = 0; row < matrix.rows; ++row) {
    check_codes(matrix, kName, WeightClass::kTernary, row, 0, matrix.cols);
    const float row_scale = shared_scale(matrix, kName, row, 0, matrix.cols);
    if (std::bit_cast<uint32_t>(row_scale) != std::bit_cast<uint32_t>(scale)) {
      refuse_value(kName, row, 0, "one scale for the tensor", row_scale);
    }
  }
  Order::pack(matrix, tensor);
  uint8_t* tail = tensor + matrix.rows * matrix.cols / 4;
  std::fill_n(tail, kTailBytes, uint8_t{0});
  store(tail, scale);
}

constexpr char kStandard[] = "I2_S";
constexpr char kArm[] = "I2_S/64";
constexpr char kFourRows[] = "I2_S/4row";

}  // namespace

constinit const Format i2_s_format = I2S<Grouped<128>, kStandard>::format();
constinit const Format i2_s_64_format = I2S<Grouped<64>, kArm>::format();
constinit const Format i2_s_4row_format = I2S<FourRows, kFourRows>::format();

}  // namespace onebit
