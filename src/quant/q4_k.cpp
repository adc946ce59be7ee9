// Q4_K: 4-bit integers with 6-bit scales and minima, 256 values in 144 bytes. docs/formats/q4_k.md.
#include "quant/format_list.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

constexpr int64_t kBlock = 256;
constexpr int64_t kBytes = 144;
constexpr int64_t kMinAt = 2;
constexpr int64_t kScalesAt = 4;
constexpr int64_t kNibblesAt = 16;

struct SubBlock {
  int scale;  // 0..63, times the block's d
  int min;    // 0..63, times the block's dmin, subtracted
};

// Sub-block j of 8. Bytes 0..3 have the scales of the first four in their low six bits, bytes 4..7
// their minima; for the last four, bytes 8..11 have the low four bits of both, and the top two bits
// of bytes 0..7 the rest.
SubBlock sub_block(const uint8_t* s, int j) {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | (s[j - 4] >> 6) << 4, (s[j + 4] >> 4) | (s[j] >> 6) << 4};
}

// Bytes 32 c to 32 c + 31 hold sub-block 2 c in their low nibbles and 2 c + 1 in the high ones.
// d * scale, dmin * min and the product with a nibble are exact in f32: one rounding, in the
// difference, whatever the order.
void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row, float* out) {
  const uint8_t* block = tensor + row * (cols / kBlock) * kBytes;
  for (int64_t col = 0; col < cols; col += kBlock, block += kBytes) {
    const float d = load_f16(block);
    const float dmin = load_f16(block + kMinAt);
    for (int j = 0; j < 8; ++j) {
      const SubBlock sub = sub_block(block + kScalesAt, j);
      const float scale = d * static_cast<float>(sub.scale);
      const float min = dmin * static_cast<float>(sub.min);
      const uint8_t* bytes = block + kNibblesAt + 32 * (j / 2);
      const int shift = 4 * (j % 2);
      for (int i = 0; i < 32; ++i) {
        *out++ = scale * static_cast<float>(bytes[i] >> shift & 15) - min;
      }
    }
  }
}

}  // namespace

constinit const Format q4_k_format = {.id = kQ4_K,
                                      .name = "Q4_K",
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
