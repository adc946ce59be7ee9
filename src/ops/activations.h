// Activations as linear layers take them: f32, and quantised once for all layers that read them.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "ops/context.h"

namespace onebit {

// How activations enter the linear layers of ternary and binary weights (float weights always take
// f32): as they are; as int8 with one scale a token (BitNet); as int8 with one scale per 32 columns
// (kActGroup), for models that were trained with weights quantised alone; as signs.
enum class ActQuant : uint8_t { kF32, kInt8, kInt8Group, kSign };

// Up to `max_tokens` rows of up to `max_cols` activations: the f32 values, and their quantised
// form.
class Activations {
 public:
  Activations(int64_t max_tokens, int64_t max_cols);

  // Takes M rows of K floats (kept by pointer, must outlive the use) and quantises each row.
  void set(const OpContext& ctx, const float* x, int64_t n_tokens, int64_t cols, ActQuant quant);
  // The same of rows that pass an RMSNorm of weight [K], in one walk over memory. They are written
  // to `normed` [M, K], which may be x; where it is null and they are quantised, to no place that
  // lasts, and there is no x().
  void set_normed(const OpContext& ctx, const float* x, const float* weight, float eps,
                  int64_t n_tokens, int64_t cols, ActQuant quant, float* normed);

  const float* x() const { return x_; }
  int64_t n_tokens() const { return n_tokens_; }
  int64_t cols() const { return cols_; }
  ActQuant quant() const { return quant_; }
  const uint8_t* row(int64_t token) const { return codes_.data() + token * stride_; }
  int64_t stride() const { return stride_; }  // bytes between rows
  float scale(int64_t token) const { return *scales(token); }
  // One scale, or with kInt8Group one per kActGroup columns.
  const float* scales(int64_t token) const { return scales_.data() + token * scales_stride_; }
  int64_t scales_stride() const { return scales_stride_; }
  const int32_t* sums(int64_t token) const { return sums_.data() + token * sums_stride_; }
  int64_t sums_stride() const { return sums_stride_; }
  // What the kernels of `ctx` want made of these activations for weights in `packing`
  // (Preparation), or null. Each thread makes its own, on its first call after set(), and keeps
  // its last one: making it again costs less than lines of memory that change cores.
  const uint8_t* prepared(const OpContext& ctx, Packing packing) const;

 private:
  void describe(const float* x, int64_t n_tokens, int64_t cols, ActQuant quant);
  void quantize_row(const OpContext& ctx, const float* row, int64_t m);

  const float* x_ = nullptr;
  int64_t max_tokens_ = 0;
  int64_t n_tokens_ = 0;
  int64_t cols_ = 0;
  ActQuant quant_ = ActQuant::kF32;
  int64_t stride_ = 0;
  int64_t scales_stride_ = 0;
  int64_t sums_stride_ = 0;
  AlignedBuffer<uint8_t> codes_;  // int8 [M][padded], or bits [M][padded / 8]
  AlignedBuffer<float> scales_;   // [M], or [M][padded / kActGroup]
  AlignedBuffer<int32_t> sums_;   // [M][padded / kSumBlock], int8 only
  uint64_t version_ = 0;          // no two calls of set() have the same
};

}  // namespace onebit
