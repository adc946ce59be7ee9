// Tensor types on disk: what their bytes mean. One file per format, all listed in formats.inc.
// Ids, names and layouts are ggml's; docs/formats/ has a page for each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "quant/code_matrix.h"
#include "quant/packing.h"

namespace onebit {

// ggml type ids of the formats that code refers to by name.
enum TensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ6_K = 14,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kI2_S = 36,
  kQ1_0 = 41,
  kQ2_0 = 42,
  kIQ1_BN = 134,
  kIQ2_BN = 135,
  kPQ2_0 = 142,
  kPTQ1_0 = 143,
  // Ours: the packings of the kernels. "OB" and a number, far above ggml's and its relatives' ids.
  kP_TERNARY = 0x4f420000,
  kP_TERNARY_64 = 0x4f420001,
  kP_TERNARY_128 = 0x4f420002,
  kP_TERNARY_256 = 0x4f420003,
  kP_TERNARY_64_F16 = 0x4f420009,  // + 8: scales in f16
  kP_TERNARY_128_F16 = 0x4f42000a,
  kP_TERNARY_256_F16 = 0x4f42000b,
  kP_BINARY = 0x4f420010,
  kP_BINARY_128 = 0x4f420012,
  kP_BINARY_128_F16 = 0x4f42001a,
  kP_INT8 = 0x4f420020,
  kP_INT6 = 0x4f420021,
  kHF_U8 = 0xffffff00,  // ours: safetensors have no ids, and no GGUF has this one
};

// A matrix [rows, cols] on disk is, row after row, row_header_bytes and cols / block blocks of
// block_bytes; then tail_bytes. With row_block > 1 it is so for every row_block rows taken together
// (I2_S/4row; HF_U8, where they are rows / 4 apart). A flat format has no row structure: rows *
// cols / block blocks run on across rows. A format with a packing is panels instead, with the
// scales after them (panel_shape.h).
struct Format {
  uint32_t id;
  const char* name;
  WeightClass weight_class;
  int64_t row_block = 1;         // rows that are interleaved; divides the number of rows
  int64_t row_header_bytes = 0;  // before a row's blocks (IQ1_BN, IQ2_BN: the scale of the row)
  int64_t block;                 // values of a row per block
  int64_t block_bytes;           // bytes per block
  int64_t tail_bytes;            // after the last block (I2_S: its scale)
  // Columns that share a scale; 0: all of a row, be it the row's own scale (in row_header_bytes) or
  // the tensor's (in tail_bytes); float formats: 0.
  int64_t group;
  ScaleType scale_type = ScaleType::kF32;  // of those that to_codes gives: f16 holds all exactly
  bool flat;
  std::optional<Packing> packing = {};  // the codes lie as this packing of the kernels

  // Row `row` of the tensor as floats [cols].
  void (*to_float)(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, float* out);
  // Row `row` as codes [cols] and its scales ([cols / group], or [1]). Ternary and binary formats
  // only, else nullptr. Throws Error(kInvalidFile) on a code outside the class (2-bit code 3).
  void (*to_codes)(const uint8_t* tensor, int64_t rows, int64_t cols, int64_t row, int8_t* codes,
                   float* scales);
  // A whole tensor from floats [rows * cols]. nullptr for ternary and binary formats, and for float
  // formats that are only read (Q4_K, Q6_K: their quantisers are searches, not definitions).
  void (*from_float)(const float* values, int64_t rows, int64_t cols, uint8_t* tensor);
  // Ternary and binary formats only, else nullptr. Lossless or Error(kInvalidArgument): a scale
  // that the format cannot hold exactly (granularity, f16), a zero in a binary format.
  void (*from_codes)(const CodeMatrix& matrix, uint8_t* tensor);

  // Bytes of a tensor. Throws Error(kInvalidFile) when the shape does not fit the format or the
  // size overflows.
  int64_t bytes(int64_t rows, int64_t cols) const;
  // The last of them, which come once, after all rows: tail_bytes, or the scales of panels. A
  // tensor is the other bytes of its parts (of whole panels, row blocks and blocks) one after
  // another, then this: the parts' scales one after another, or the tail that they agree on.
  int64_t trailing_bytes(int64_t rows, int64_t cols) const;
  // tail included, of this shape
  double bits_per_weight(int64_t rows, int64_t cols) const;
  // One scale for the whole tensor, not one per row or group. False for float formats.
  bool has_tensor_scale() const {
    return weight_class != WeightClass::kFloat && group == 0 && row_header_bytes == 0 && !packing;
  }
};

std::span<const Format> formats();  // in formats.inc's order; ids are unique
// Layouts that no id means: those under the id of one of formats(), which is the default for the id
// (Q2_0/128, I2_S/64, I2_S/4row), and HF_U8, which only safetensors have. Found by name, or by size
// in resolve_format().
std::span<const Format> format_variants();

const Format* find_format(uint32_t id);            // nullptr if unknown; never a variant
const Format* find_format(std::string_view name);  // case-insensitive; variants too
const Format& format(TensorType id);               // must exist

// The format of a tensor that has type `id` and `available` bytes up to the next tensor or the end
// of the file: find_format(id), unless they are too few for it and are just those of a variant
// padded to `alignment` (general.alignment): the Q2_0 of older files. Nothing but sizes decides.
// Throws Error(kUnsupported) for an unknown type, Error(kInvalidFile) for a shape or a number of
// bytes that does not fit.
const Format& resolve_format(uint32_t id, int64_t rows, int64_t cols, int64_t available,
                             int64_t alignment = 32);

// One line on a type that has no Format: what it is, why it is not read, and what to do instead.
// Empty when nothing is known of it.
std::string unsupported_type_hint(uint32_t id);

}  // namespace onebit
