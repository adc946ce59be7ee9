// Quantised activations and the linear layer: y = W x for any weight format.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "ops/context.h"
#include "quant/code_matrix.h"
#include "quant/format.h"

namespace onebit {

// How activations enter the linear layers of ternary and binary weights. Float weights always take
// f32 activations.
enum class ActQuant : uint8_t { kF32, kInt8, kSign };

// Up to `max_tokens` rows of up to `max_cols` activations: the f32 values, and their quantised
// form.
class Activations {
 public:
  Activations(int64_t max_tokens, int64_t max_cols);

  // Takes M rows of K floats (kept by pointer, must outlive the use) and quantises each row.
  void set(const OpContext& ctx, const float* x, int64_t n_tokens, int64_t cols, ActQuant quant);

  const float* x() const { return x_; }
  int64_t n_tokens() const { return n_tokens_; }
  int64_t cols() const { return cols_; }
  ActQuant quant() const { return quant_; }
  const uint8_t* row(int64_t token) const { return codes_.data() + token * stride_; }
  int64_t stride() const { return stride_; }  // bytes between rows
  float scale(int64_t token) const { return scales_[token]; }
  const int32_t* sums(int64_t token) const { return sums_.data() + token * sums_stride_; }

 private:
  const float* x_ = nullptr;
  int64_t n_tokens_ = 0;
  int64_t cols_ = 0;
  ActQuant quant_ = ActQuant::kF32;
  int64_t stride_ = 0;
  int64_t sums_stride_ = 0;
  AlignedBuffer<uint8_t> codes_;  // int8 [M][padded], or bits [M][padded / 8]
  AlignedBuffer<float> scales_;   // [M]
  AlignedBuffer<int32_t> sums_;   // [M][padded / kSumBlock], int8 only
};

// A weight matrix [N, K] in the form its kernel wants.
class Linear {
 public:
  Linear() = default;

  // Ternary or binary weights for activations quantised by `quant` (kInt8 or kSign; kSign needs
  // binary weights). Ternary codes go to 2-bit panels, binary to 1-bit panels. A matrix whose rows
  // have equal scales throughout is summed as one group a row.
  static Linear pack(const CodeMatrix& matrix, WeightClass weight_class, ActQuant quant);
  // The same straight from a tensor's bytes, any ternary or binary format, 16 rows at a time.
  // `bytes` must hold format.bytes(rows, cols). Throws Error(kInvalidFile) on a code outside the
  // class or a scale that is not finite.
  static Linear pack(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                     ActQuant quant);
  // Float weights: F32, F16, BF16 and Q8_0 in their disk layout, other formats as f32.
  static Linear rows(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols);

  int64_t n_rows() const { return rows_; }
  int64_t n_cols() const { return cols_; }
  bool is_float() const { return is_float_; }
  int64_t bytes() const { return data_.size() + scales_.size() * 4; }  // read per token
  // Multiplied onto every output last; 1 unless the file has a separate scale tensor.
  void set_output_scale(float scale) { output_scale_ = scale; }

  // y[m][n] for M tokens: [M, N] row-major. The activations' quantisation must be the one packed
  // for (float weights read the f32 values). The result of a token never depends on the others.
  void forward(const OpContext& ctx, const Activations& acts, float* y) const;
  // Float weights only: row `row` as f32 [K] (embedding lookup).
  void row_to_float(int64_t row, float* out) const;

 private:
  Linear(WeightClass weight_class, ActQuant quant, int64_t rows, int64_t cols, int64_t group);
  void forward_panels(const OpContext& ctx, const Activations& acts, float* y) const;
  // One panel against at most kMaxTokens tokens. `sums` [tokens][n_groups]; `dots` is scratch.
  void forward_tile(const OpContext& ctx, const Activations& acts, int64_t panel,
                    int64_t first_token, int64_t n_tokens, const int32_t* sums, int32_t* dots,
                    float* y) const;
  void forward_rows(const OpContext& ctx, const Activations& acts, float* y) const;

  int64_t rows_ = 0;
  int64_t cols_ = 0;
  bool is_float_ = false;
  float output_scale_ = 1;
  // Panels:
  Packing packing_ = Packing::kTernaryI8;
  ActQuant quant_ = ActQuant::kInt8;
  int64_t group_ = 0;     // columns per scale
  int64_t n_groups_ = 0;  // scales per row
  int64_t panel_bytes_ = 0;
  // Rows:
  RowFormat row_format_ = RowFormat::kF32;
  const Format* format_ = nullptr;

  AlignedBuffer<uint8_t> data_;  // [panels][panel_bytes] or [rows][row bytes]
  AlignedBuffer<float> scales_;  // [panels][n_groups][16]
};

}  // namespace onebit
