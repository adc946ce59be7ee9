// Q6_K: 6-bit integers with 8-bit scales, 256 values in 210 bytes. docs/formats/q6_k.md.
#include "quant/format_list.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

constexpr int64_t kBlock = 256;
constexpr int64_t kBytes = 210;
constexpr int64_t kHighAt = 128;
constexpr int64_t kScalesAt = 192;
constexpr int64_t kScaleAt = 208;

// Half h of 128 values in four quarters q of 32: the low four bits are a nibble of bytes 64 h to
// 64 h + 63 (quarters 0 and 2 share the first 32 bytes, 1 and 3 the others; 0 and 1 have the low
// nibbles), the high two are bit pair q of bytes 32 h to 32 h + 31 of the second array. Each 16
// values have an i8 scale.
void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row, float* out) {
  const uint8_t* block = tensor + row * (cols / kBlock) * kBytes;
  for (int64_t col = 0; col < cols; col += kBlock, block += kBytes) {
    const float d = load_f16(block + kScaleAt);
    for (int quarter = 0; quarter < 8; ++quarter) {
      const int h = quarter / 4;
      const int q = quarter % 4;
      const uint8_t* low = block + 64 * h + 32 * (q % 2);
      const uint8_t* high = block + kHighAt + 32 * h;
      const uint8_t* scales = block + kScalesAt + 2 * quarter;
      for (int i = 0; i < 32; ++i) {
        const int value = (low[i] >> (4 * (q / 2)) & 15) | (high[i] >> (2 * q) & 3) << 4;
        const float scale = d * static_cast<float>(static_cast<int8_t>(scales[i / 16]));
        *out++ = scale * static_cast<float>(value - 32);
      }
    }
  }
}

}  // namespace

constinit const Format q6_k_format = {.id = kQ6_K,
                                      .name = "Q6_K",
                                      .weight_class = WeightClass::kFloat,
                                      .block = kBlock,
                                      .block_bytes = kBytes,
                                      .tail_bytes = 0,
                                      .group = 0,
                                      .flat = false,
                                      .to_float = to_float,
                                      .to_codes = nullptr,
                                      .from_float = nullptr,
                                      .from_codes = nullptr};

}  // namespace onebit
