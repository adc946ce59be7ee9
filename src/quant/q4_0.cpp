// Q4_0: 4-bit integers, an f16 scale and 32 values in 18 bytes. docs/formats/q4_0.md.
#include <algorithm>
#include <cmath>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

constexpr const char* kName = "Q4_0";
constexpr int64_t kBlock = 32;
constexpr int64_t kBytes = 18;
constexpr int64_t kNibblesAt = 2;

void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row, float* out) {
  const uint8_t* block = tensor + row * (cols / kBlock) * kBytes;
  for (int64_t c = 0; c < cols; c += kBlock, block += kBytes) {
    const float d = load_f16(block);
    for (int64_t i = 0; i < kBlock / 2; ++i) {
      const int byte = block[kNibblesAt + i];
      out[c + i] = static_cast<float>((byte & 15) - 8) * d;
      out[c + i + kBlock / 2] = static_cast<float>((byte >> 4) - 8) * d;
    }
  }
}

// As ggml's quantize_row_q4_0_ref: the value of largest magnitude, the first of several, becomes
// exactly -8 d (d takes the opposite sign, because nibbles reach -8 but only +7), and a nibble is
// floor(x / d + 8.5), at most 15. `row` and `col` are for messages.
void quantize_block(const float* x, int64_t row, int64_t col, uint8_t* block) {
  float extreme = 0;
  for (int64_t i = 0; i < kBlock; ++i) {
    if (!std::isfinite(x[i])) refuse_value(kName, row, col + i, "a finite value", x[i]);
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  const float d = extreme / -8;
  const uint16_t half = f32_to_f16(d);
  if (!std::isfinite(f16_to_f32(half))) {
    refuse_value(kName, row, col, "a largest magnitude below 8 * 65520", extreme);
  }
  // 1 / d overflows when d is subnormal. The stored d is 0 long before that: any nibble will do.
  const float inverse = std::fabs(d) >= 0x1p-126f ? 1 / d : 0;
  const auto nibble = [&](int64_t i) {
    return std::min(15, static_cast<int>(x[i] * inverse + 8.5f));
  };
  store(block, half);
  for (int64_t i = 0; i < kBlock / 2; ++i) {
    block[kNibblesAt + i] = static_cast<uint8_t>(nibble(i) | nibble(i + kBlock / 2) << 4);
  }
}

void from_float(const float* values, int64_t rows, int64_t cols, uint8_t* tensor) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; col += kBlock, tensor += kBytes) {
      quantize_block(values + row * cols + col, row, col, tensor);
    }
  }
}

}  // namespace

constinit const Format q4_0_format = {.id = kQ4_0,
                                      .name = kName,
                                      .weight_class = WeightClass::kFloat,
                                      .block = kBlock,
                                      .block_bytes = kBytes,
                                      .tail_bytes = 0,
                                      .group = 0,
                                      .flat = false,
                                      .to_float = to_float,
                                      .to_codes = nullptr,
                                      .from_float = from_float,
                                      .from_codes = nullptr};

}  // namespace onebit
