// Codes into panels: from what the bits mean (quant) to the layout that kernels read (Packing in
// kernel.h). Runs at load and, in training, after every weight update.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace onebit {

// Bytes of a panel of 16 rows x `cols` real columns (>= 0), padding included; a multiple of 64.
// Throws Error(kUnsupported) when cols > kMaxColumns.
int64_t panel_bytes(Packing packing, int64_t cols);

// Packs 16 rows of `cols` codes each into panel[panel_bytes]. Ternary codes are -1, 0, +1, binary
// codes -1, +1; anything else packs to an unspecified code. A null row is padding. Padding rows and
// columns become zero bits: a kernel's outputs for padding rows mean nothing and are to be ignored.
void pack_panel(Packing packing, const int8_t* const codes[kPanelRows], int64_t cols,
                uint8_t* panel);

// Row `row` of a packed panel as codes [cols].
void unpack_row(Packing packing, const uint8_t* panel, int64_t row, int64_t cols, int8_t* codes);

// The code at (row, col) of a packed panel: the layout in one expression.
int8_t panel_code(Packing packing, const uint8_t* panel, int64_t row, int64_t col);

}  // namespace onebit
