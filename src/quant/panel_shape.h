// Where things lie in a matrix of panels (packing.h), in memory and in the panel formats on disk:
//
//   [panels][panel_bytes]                            the weights; the last panel may be smaller
//   [panels][groups][rows of the panel's tiles]      the scales, f32 or f16; of padding rows 0
//
// The weights take a multiple of kPanelAlignment.
#pragma once

#include <cstdint>

#include "quant/packing.h"

namespace onebit {

constexpr int64_t kPanelAlignment = 64;  // of panels in memory, so also of their tensors in a file

struct PanelShape {
  // `group` columns share a scale; 0, or cols and more: one scale a row. Throws
  // Error(kUnsupported) for too many columns, Error(kInvalidFile) for sizes that overflow.
  PanelShape(Packing packing, int64_t rows, int64_t cols, int64_t group,
             ScaleType scale_type = ScaleType::kF32);

  Packing packing;
  int64_t rows;
  int64_t panel_bytes;   // of a full panel
  int64_t weight_bytes;  // of all panels
  int64_t groups;        // scales per row
  int64_t n_scales;      // of all panels, padding included
  ScaleType scale_type;

  int64_t scales_bytes() const { return n_scales * scale_bytes(scale_type); }
  int64_t bytes() const { return weight_bytes + scales_bytes(); }
  int64_t full_rows() const { return packing_shape(packing).rows; }
  // Rows of the panel that holds `row`.
  int64_t rows_beside(int64_t row) const;
  // The index among the scales of group `group` of row `row`.
  int64_t scale_at(int64_t row, int64_t group) const;
  // That scale among `scales`, [n_scales] at any address.
  float scale(const uint8_t* scales, int64_t row, int64_t group) const;
  // kF16: rounded.
  void set_scale(uint8_t* scales, int64_t row, int64_t group, float value) const;
};

// Codes [rows * cols] into the panels of a whole matrix [weight_bytes], and row `row` of it back.
void pack_matrix(const PanelShape& shape, const int8_t* codes, int64_t cols, uint8_t* panels);
void unpack_matrix_row(const PanelShape& shape, const uint8_t* panels, int64_t row, int64_t cols,
                       int8_t* codes);

}  // namespace onebit
