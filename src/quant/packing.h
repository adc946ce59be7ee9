// Packings: the layouts of weights in memory that kernels read, the same on every instruction set.
//
// A panel is up to `rows` rows, taken as tiles of `tile_rows`; it lies in memory as
// [padded columns / step][tiles][tile_bytes], 64-byte aligned. A panel has the tiles that its rows
// need and no more. Columns are padded with zero bits to a multiple of kColumnPad, where
// activations are zero (kTripleI8: of 12; its panels have at least 24 bytes more).
//  kTernaryI8: 2 bits a weight, code w + 1. Tile = 16 rows x 16 columns: 32-bit lane r is row r;
//  its
//              byte j holds columns 4p + j in bits 2p, 2p+1 (plane p = 0..3).
//  kTripleI8:  5 bits for 3 ternary weights. Tile = 16 rows x 12 columns in 40 bytes: the 5-bit
//  number
//              4r + j of the little-endian bit stream is 1 + w of columns j, 4 + j and 8 + j of row
//              r, as digits of weight 1, 3 and 9. For matrices with one scale a row.
//  kBinaryI8:  1 bit a weight, 1 for +1, 0 for -1. Tile = 32 rows x 16 columns: 16-bit word 2i is
//              row i, word 2i+1 row 16 + i. Column 4p of the word is bit p, 4p + 1 bit 8 + p, 4p +
//              2 bit 4 + p, 4p + 3 bit 12 + p (p = 0..3): a word copied to both halves of a 32-bit
//              lane and masked leaves four neighbouring columns in the four bytes of the lane.
//  kBinaryBit: 1 bit a weight, 1 for +1, against 1-bit activations. Tile = 16 rows x 64 columns in
//              128 bytes: the 64-bit word r is row r, column c in bit c.
//  kInt8:      8 bits a weight, w + 128 with w in -127 .. 127. Tile = 16 rows x 4 columns: 32-bit
//              lane r is row r, its byte j column j.
//  kInt6:      6 bits a weight, w + 32 with w in -31 .. 31. Tile = 16 rows x 16 columns in three
//              vectors of 64 bytes: 32-bit lane r is row r; byte j of it has column 4p + j in bits
//              0..5 of vector p (p = 0..2), and column 12 + j two bits at a time, lowest first, in
//              bits 6, 7 of vectors 0, 1, 2.
//
// Scales of a matrix: [panels][groups][rows of the panel's tiles], f32, or f16 where that holds all
// of them exactly and a row has several: of kBinaryI8 with one per 128 columns f32 is a fifth of
// all bytes.
//
// Plain C++ only: kernels/kernel.h includes this file, and ISA translation units that.
#pragma once

#include <stdint.h>

namespace onebit {

enum class Packing : uint8_t { kTernaryI8, kBinaryI8, kBinaryBit, kInt8, kTripleI8, kInt6 };
constexpr int kPackings = 6;

enum class ScaleType : uint8_t { kF32, kF16 };
constexpr int64_t scale_bytes(ScaleType type) {
  return type == ScaleType::kF16 ? 2 : 4;
}

constexpr int64_t kColumnPad = 64;  // columns of panels and activations are padded to a multiple
// Columns that fit every kernel's int32 accumulators (each proves it); fewer where a weight has 8
// bits, or 6, whose codes may lie in kInt8 instead. panel_bytes() enforces it.
constexpr int64_t kMaxColumns = int64_t{1} << 18;
constexpr int64_t kMaxColumnsInt8 = int64_t{1} << 16;

struct PackingShape {
  int64_t rows;        // of a full panel
  int64_t tile_rows;   // rows of a tile
  int64_t step;        // columns of a tile
  int64_t tile_bytes;  // bytes of a tile
};
constexpr PackingShape kPackingShapes[kPackings] = {{16, 16, 16, 64},  {128, 32, 16, 64},
                                                    {16, 16, 64, 128}, {16, 16, 4, 64},
                                                    {32, 16, 12, 40},  {16, 16, 16, 192}};
constexpr PackingShape packing_shape(Packing p) {
  return kPackingShapes[static_cast<int>(p)];
}

// Rows of the tiles that `n_rows` rows need.
int64_t padded_rows(Packing packing, int64_t n_rows);

// Bytes of a panel of `n_rows` rows (0 .. shape.rows) x `cols` real columns (>= 0), padding
// included; a multiple of 64. Throws Error(kUnsupported) when there are too many columns.
int64_t panel_bytes(Packing packing, int64_t n_rows, int64_t cols);
// The same of a full panel: where the next one starts.
int64_t panel_bytes(Packing packing, int64_t cols);
// Bytes of all panels of a matrix. Throws as panel_bytes(), and Error(kInvalidFile) on overflow.
int64_t packed_bytes(Packing packing, int64_t rows, int64_t cols);

// Packs n_rows rows of `cols` codes each into a panel of panel_bytes(packing, n_rows, cols). Codes
// are -1, 0, +1 (ternary), -1, +1 (binary), -127 .. 127 (kInt8) or -31 .. 31 (kInt6); anything else
// packs to an unspecified code. A null row is padding. Padding is zero bits: a kernel's outputs for
// padding rows mean nothing and are to be ignored.
void pack_panel(Packing packing, const int8_t* const* codes, int64_t n_rows, int64_t cols,
                uint8_t* panel);

// Row `row` of a packed panel of n_rows rows as codes [cols].
void unpack_row(Packing packing, const uint8_t* panel, int64_t n_rows, int64_t row, int64_t cols,
                int8_t* codes);

// The code at (row, col) of a packed panel of n_rows rows: the layout in one expression.
int8_t panel_code(Packing packing, const uint8_t* panel, int64_t n_rows, int64_t row, int64_t col);

}  // namespace onebit
