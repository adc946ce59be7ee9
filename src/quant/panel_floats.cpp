// P_INT8 and P_INT6: integers in panels, a scale a row: embeddings and heads.
// docs/formats/p_int8.md, p_int6.md.
#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/format_list.h"
#include "quant/lossless.h"
#include "quant/panel_shape.h"
#include "quant/weights.h"

namespace onebit {
namespace {

struct Int8Layout {
  static constexpr const char* kName = "P_INT8";
  static constexpr Packing kPacking = Packing::kInt8;
  static constexpr auto quantize = quantize_int8;
};

struct Int6Layout {
  static constexpr const char* kName = "P_INT6";
  static constexpr Packing kPacking = Packing::kInt6;
  static constexpr auto quantize = quantize_int6;
};

template <typename Layout>
struct PanelFloats {
  static PanelShape shape_of(int64_t rows, int64_t cols) {
    return {Layout::kPacking, rows, cols, 0};
  }

  static void to_float(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out) {
    const PanelShape shape = shape_of(rows, cols);
    const float scale = shape.scale(tensor + shape.weight_bytes, row, 0);
    std::vector<int8_t> codes(static_cast<std::size_t>(cols));
    unpack_matrix_row(shape, tensor, row, cols, codes.data());
    std::ranges::transform(codes, out,
                           [&](int8_t code) { return static_cast<float>(code) * scale; });
  }

  static void from_float(const float* values, int64_t rows, int64_t cols, uint8_t* tensor) {
    const PanelShape shape = shape_of(rows, cols);
    std::vector<int8_t> codes(static_cast<std::size_t>(rows * cols));
    std::fill_n(tensor + shape.weight_bytes, shape.scales_bytes(), uint8_t{0});
    for (int64_t row = 0; row < rows; ++row) {
      const float* x = values + row * cols;
      const float* bad = std::find_if_not(x, x + cols, [](float v) { return std::isfinite(v); });
      if (bad != x + cols) refuse_value(Layout::kName, row, bad - x, "a finite value", *bad);
      const float scale = Layout::quantize(x, cols, codes.data() + row * cols);
      shape.set_scale(tensor + shape.weight_bytes, row, 0, scale);
    }
    pack_matrix(shape, codes.data(), cols, tensor);
  }

  static constexpr Format format(uint32_t id) {
    return {.id = id,
            .name = Layout::kName,
            .weight_class = WeightClass::kFloat,
            .block = 1,
            .block_bytes = 0,
            .tail_bytes = 0,
            .group = 0,
            .flat = false,
            .packing = Layout::kPacking,
            .to_float = to_float,
            .to_codes = nullptr,
            .from_float = from_float,
            .from_codes = nullptr};
  }
};

}  // namespace

constinit const Format p_int8_format = PanelFloats<Int8Layout>::format(kP_INT8);
constinit const Format p_int6_format = PanelFloats<Int6Layout>::format(kP_INT6);

}  // namespace onebit
