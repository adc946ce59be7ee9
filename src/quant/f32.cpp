// F32: IEEE binary32. docs/formats/f32.md.
#include <cstring>

#include "quant/format_list.h"

namespace onebit {
namespace {

void to_float(const uint8_t* tensor, int64_t /*rows*/, int64_t cols, int64_t row, float* out) {
  std::memcpy(out, tensor + row * cols * 4, static_cast<std::size_t>(cols) * 4);
}

void from_float(const float* values, int64_t rows, int64_t cols, uint8_t* tensor) {
  std::memcpy(tensor, values, static_cast<std::size_t>(rows * cols) * 4);
}

}  // namespace

constinit const Format f32_format = {.id = kF32,
                                     .name = "F32",
                                     .weight_class = WeightClass::kFloat,
                                     .block = 1,
                                     .block_bytes = 4,
                                     .tail_bytes = 0,
                                     .group = 0,
                                     .flat = false,
                                     .to_float = to_float,
                                     .to_codes = nullptr,
                                     .from_float = from_float,
                                     .from_codes = nullptr};

}  // namespace onebit
