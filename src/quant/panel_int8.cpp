// P_INT8: 8-bit integers in panels, a scale a row: embeddings and heads. docs/formats/p_int8.md.
#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/panel_shape.h"
#include "quant/unaligned.h"
#include "quant/weights.h"

namespace onebit {
namespace {

constexpr const char* kName = "P_INT8";

PanelShape shape_of(int64_t rows, int64_t cols) {
  return {Packing::kInt8, rows, cols, 0};
}

void to_float(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out) {
  const PanelShape shape = shape_of(rows, cols);
  const auto scale = load<float>(tensor + shape.weight_bytes + shape.scale_at(row, 0) * 4);
  std::vector<int8_t> codes(static_cast<std::size_t>(cols));
  unpack_matrix_row(shape, tensor, row, cols, codes.data());
  std::ranges::transform(codes, out, [&](int8_t code) { return static_cast<float>(code) * scale; });
}

void from_float(const float* values, int64_t rows, int64_t cols, uint8_t* tensor) {
  const PanelShape shape = shape_of(rows, cols);
  std::vector<int8_t> codes(static_cast<std::size_t>(rows * cols));
  std::fill_n(tensor + shape.weight_bytes, shape.n_scales * 4, uint8_t{0});
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = values + row * cols;
    const float* bad = std::find_if_not(x, x + cols, [](float v) { return std::isfinite(v); });
    if (bad != x + cols) refuse_value(kName, row, bad - x, "a finite value", *bad);
    const float scale = quantize_int8(x, cols, codes.data() + row * cols);
    store(tensor + shape.weight_bytes + shape.scale_at(row, 0) * 4, scale);
  }
  pack_matrix(shape, codes.data(), cols, tensor);
}

}  // namespace

constinit const Format p_int8_format = {.id = kP_INT8,
                                        .name = kName,
                                        .weight_class = WeightClass::kFloat,
                                        .block = 1,
                                        .block_bytes = 0,
                                        .tail_bytes = 0,
                                        .group = 0,
                                        .flat = false,
                                        .packing = Packing::kInt8,
                                        .to_float = to_float,
                                        .to_codes = nullptr,
                                        .from_float = from_float,
                                        .from_codes = nullptr};

}  // namespace onebit
