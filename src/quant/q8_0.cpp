// Q8_0: 8-bit integers, an f16 scale and 32 values in 34 bytes. docs/formats/q8_0.md.
#include <algorithm>
#include <cmath>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

constexpr const char* kName = "Q8_0";
constexpr int64_t kBlock = 32;
constexpr int64_t kBytes = 34;
constexpr int64_t kValuesAt = 2;

void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row, float* out) {
  const uint8_t* block = tensor + row * (cols / kBlock) * kBytes;
  for (int64_t c = 0; c < cols; c += kBlock, block += kBytes) {
    const float d = load_f16(block);
    for (int64_t i = 0; i < kBlock; ++i) {
      out[c + i] = static_cast<float>(static_cast<int8_t>(block[kValuesAt + i])) * d;
    }
  }
}

// As ggml's quantize_row_q8_0_ref: d = max|x| / 127 and q = round half away(x * (1 / d)), both with
// d in f32; only the stored d is rounded to f16. `row` and `col` are for messages.
void quantize_block(const float* x, int64_t row, int64_t col, uint8_t* block) {
  float max = 0;
  for (int64_t i = 0; i < kBlock; ++i) {
    if (!std::isfinite(x[i])) refuse_value(kName, row, col + i, "a finite value", x[i]);
    max = std::max(max, std::fabs(x[i]));
  }
  const float d = max / 127;
  const uint16_t half = f32_to_f16(d);
  if (!std::isfinite(f16_to_f32(half))) {
    refuse_value(kName, row, col, "a largest magnitude below 127 * 65520", max);
  }
  // 1 / d overflows when d is subnormal. The stored d is 0 long before that, so any q decodes to 0.
  const float inverse = d >= 0x1p-126f ? 1 / d : 0;
  store(block, half);
  for (int64_t i = 0; i < kBlock; ++i) {
    block[kValuesAt + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(x[i] * inverse)));
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

constinit const Format q8_0_format = {.id = kQ8_0,
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
