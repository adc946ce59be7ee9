#include "ops/activations.h"

#include <atomic>

#include "base/checked.h"

namespace onebit {

Activations::Activations(int64_t max_tokens, int64_t max_cols)
    : max_tokens_(max_tokens),
      codes_(checked_mul(max_tokens, round_up(max_cols, kColumnPad), "activations")),
      scales_(codes_.size() / kActGroup),
      sums_(codes_.size() / kSumBlock) {}

void Activations::describe(const float* x, int64_t n_tokens, int64_t cols, ActQuant quant) {
  const int64_t padded = round_up(cols, kColumnPad);
  ONEBIT_CHECK(n_tokens <= max_tokens_ && n_tokens * padded <= codes_.size());
  x_ = x;
  n_tokens_ = n_tokens;
  cols_ = cols;
  quant_ = quant;
  static std::atomic<uint64_t> versions = 0;
  version_ = ++versions;
  if (quant == ActQuant::kF32) return;
  stride_ = quant == ActQuant::kSign ? padded / 8 : padded;
  scales_stride_ = quant == ActQuant::kInt8Group ? padded / kActGroup : 1;
  sums_stride_ = padded / kSumBlock;
}

void Activations::quantize_row(const OpContext& ctx, const float* row, int64_t m) {
  const int64_t padded = round_up(cols_, kColumnPad);
  uint8_t* codes = codes_.data() + m * stride_;
  float* scales = scales_.data() + m * scales_stride_;
  if (quant_ == ActQuant::kSign) {
    *scales = ctx.f().quantize_sign(row, cols_, padded, codes);
    return;
  }
  auto* q = reinterpret_cast<int8_t*>(codes);
  int32_t* sums = sums_.data() + m * sums_stride_;
  if (quant_ == ActQuant::kInt8) {
    *scales = ctx.f().quantize_i8(row, cols_, padded, q, sums);
  } else {
    ctx.f().quantize_i8_groups(row, cols_, padded, q, sums, scales);
  }
}

void Activations::set(const OpContext& ctx, const float* x, int64_t n_tokens, int64_t cols,
                      ActQuant quant) {
  describe(x, n_tokens, cols, quant);
  if (quant == ActQuant::kF32) return;
  ctx.pool.parallel_for(n_tokens, items_per_part(cols * 4), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) quantize_row(ctx, x + m * cols, m);
  });
}

void Activations::set_normed(const OpContext& ctx, const float* x, const float* weight, float eps,
                             int64_t n_tokens, int64_t cols, ActQuant quant, float* normed) {
  ONEBIT_CHECK(normed != nullptr || quant != ActQuant::kF32);
  describe(normed, n_tokens, cols, quant);
  ctx.pool.parallel_for(n_tokens, items_per_part(cols * 8), [&](int64_t begin, int64_t end) {
    thread_local AlignedBuffer<float> scratch;  // grows to the longest row
    if (normed == nullptr && scratch.size() < cols) scratch = AlignedBuffer<float>(cols);
    for (int64_t m = begin; m < end; ++m) {
      float* row = normed != nullptr ? normed + m * cols : scratch.data();
      ctx.f().rms_norm(x + m * cols, weight, eps, cols, row);
      if (quant != ActQuant::kF32) quantize_row(ctx, row, m);
    }
  });
}

const uint8_t* Activations::prepared(const OpContext& ctx, Packing packing) const {
  const Preparation* by = &ctx.kernels.prepare[static_cast<int>(packing)];
  const int64_t size = by->bytes == nullptr ? 0 : by->bytes(cols_, n_tokens_);
  if (size == 0) return nullptr;
  struct Prepared {
    AlignedBuffer<uint8_t> data;  // grows to the largest that was asked for
    uint64_t version = 0;
    const Preparation* by = nullptr;
  };
  thread_local Prepared mine;
  if (mine.version == version_ && mine.by == by) return mine.data.data();
  if (mine.data.size() < size) mine.data = AlignedBuffer<uint8_t>(size);
  by->run({codes_.data(), stride_, cols_, n_tokens_, mine.data.data()}, 0,
          round_up(cols_, kColumnPad));
  mine.version = version_;
  mine.by = by;
  return mine.data.data();
}

}  // namespace onebit
