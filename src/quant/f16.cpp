// F16: IEEE binary16. docs/formats/f16.md.
#include <cmath>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row, float* out) {
  const uint8_t* from = tensor + row * cols * 2;
  for (int64_t c = 0; c < cols; ++c) out[c] = f16_to_f32(load<uint16_t>(from + 2 * c));
}

// Rounds to nearest even. A finite value that would become infinite is refused: stored, it would
// surface as NaN logits far from its cause.
void from_float(const float* values, int64_t rows, int64_t cols, uint8_t* tensor) {
  for (int64_t i = 0; i < rows * cols; ++i) {
    const uint16_t half = f32_to_f16(values[i]);
    if (std::isfinite(values[i]) && !std::isfinite(f16_to_f32(half))) {
      refuse_value("F16", i / cols, i % cols, "a magnitude below 65520", values[i]);
    }
    store(tensor + 2 * i, half);
  }
}

}  // namespace

constinit const Format f16_format = {.id = kF16,
                                     .name = "F16",
                                     .weight_class = WeightClass::kFloat,
                                     .block = 1,
                                     .block_bytes = 2,
                                     .tail_bytes = 0,
                                     .group = 0,
                                     .flat = false,
                                     .to_float = to_float,
                                     .to_codes = nullptr,
                                     .from_float = from_float,
                                     .from_codes = nullptr};

}  // namespace onebit
