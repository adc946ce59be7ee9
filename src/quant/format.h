// Tensor types on disk: what their bytes mean. One file per format, all listed in formats.inc.
// Ids, names and layouts are ggml's; docs/formats/ has a page for each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "quant/code_matrix.h"

namespace onebit {

// ggml type ids of the formats that code refers to by name.
enum TensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ8_0 = 8,
  kBF16 = 30,
  kTQ2_0 = 35,
  kI2_S = 36,
  kQ1_0 = 41,
  kQ2_0 = 42,
};

// A matrix [rows, cols] on disk is rows * cols / block blocks of block_bytes, then tail_bytes.
// Row-wise formats need cols % block == 0; I2_S is flat (blocks run on across rows).
struct Format {
  uint32_t id;
  const char* name;
  WeightClass weight_class;
  int64_t block;        // values per block
  int64_t block_bytes;  // bytes per block
  int64_t tail_bytes;   // after the last block (I2_S: its scale)
  int64_t group;        // columns that share a scale; 0: one for the whole tensor; float formats: 0
  bool flat;

  // Row `row` of the tensor as floats [cols].
  void (*to_float)(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out);
  // Row `row` as codes [cols] and its scales ([cols / group], or [1]). Ternary and binary formats
  // only, else nullptr. Throws Error(kInvalidFile) on a code outside the class (2-bit code 3).
  void (*to_codes)(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, int8_t* codes,
                   float* scales);
  // Float formats only, else nullptr: a whole tensor from floats [rows * cols].
  void (*from_float)(const float* values, int64_t rows, int64_t cols, uint8_t* tensor);
  // Ternary and binary formats only, else nullptr. Lossless or Error(kInvalidArgument): a scale
  // that the format cannot hold exactly (granularity, f16), a zero in a binary format.
  void (*from_codes)(const CodeMatrix& matrix, uint8_t* tensor);

  // Bytes of a tensor. Throws Error(kInvalidFile) when the shape does not fit the format or the
  // size overflows.
  int64_t bytes(int64_t rows, int64_t cols) const;
  // tail included, of this shape
  double bits_per_weight(int64_t rows, int64_t cols) const;
};

std::span<const Format> formats();                 // in formats.inc's order
const Format* find_format(uint32_t id);            // nullptr if unknown
const Format* find_format(std::string_view name);  // case-insensitive
const Format& format(TensorType id);               // must exist

}  // namespace onebit
