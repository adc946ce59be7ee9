#include "quant/panel_shape.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "quant/unaligned.h"

namespace onebit {
namespace {

int64_t checked_rows(Packing packing, int64_t rows) {
  checked_add(rows, packing_shape(packing).rows, "rows of panels");  // room to round up
  return rows;
}

}  // namespace

PanelShape::PanelShape(Packing p, int64_t n_rows, int64_t cols, int64_t group, ScaleType type)
    : packing(p),
      rows(checked_rows(p, n_rows)),
      panel_bytes(onebit::panel_bytes(p, cols)),
      weight_bytes(packed_bytes(p, rows, cols)),
      groups(group == 0 ? 1 : ceil_div(cols, group)),
      n_scales(checked_mul(padded_rows(p, rows), groups, "scales of panels")),
      scale_type(type) {
  checked_add(weight_bytes, checked_mul(n_scales, int64_t{4}, "scales of panels"), "panels");
}

int64_t PanelShape::rows_beside(int64_t row) const {
  return std::min(full_rows(), rows - row / full_rows() * full_rows());
}

int64_t PanelShape::scale_at(int64_t row, int64_t group) const {
  const int64_t first = row / full_rows() * full_rows();
  return first * groups + group * padded_rows(packing, rows_beside(row)) + row - first;
}

float PanelShape::scale(const uint8_t* scales, int64_t row, int64_t group) const {
  const uint8_t* at = scales + scale_at(row, group) * scale_bytes(scale_type);
  return scale_type == ScaleType::kF16 ? load_f16(at) : load<float>(at);
}

void PanelShape::set_scale(uint8_t* scales, int64_t row, int64_t group, float value) const {
  uint8_t* at = scales + scale_at(row, group) * scale_bytes(scale_type);
  if (scale_type == ScaleType::kF16) {
    store(at, f32_to_f16(value));
  } else {
    store(at, value);
  }
}

void pack_matrix(const PanelShape& shape, const int8_t* codes, int64_t cols, uint8_t* panels) {
  std::array<const int8_t*, 128> panel{};
  for (int64_t first = 0; first < shape.rows; first += shape.full_rows()) {
    const int64_t n = shape.rows_beside(first);
    for (int64_t r = 0; r < n; ++r) {
      panel[static_cast<std::size_t>(r)] = codes + (first + r) * cols;
    }
    pack_panel(shape.packing, panel.data(), n, cols, panels);
    panels += shape.panel_bytes;
  }
}

void unpack_matrix_row(const PanelShape& shape, const uint8_t* panels, int64_t row, int64_t cols,
                       int8_t* codes) {
  unpack_row(shape.packing, panels + row / shape.full_rows() * shape.panel_bytes,
             shape.rows_beside(row), row % shape.full_rows(), cols, codes);
}

}  // namespace onebit
