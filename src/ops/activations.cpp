#include "ops/activations.h"

#include "base/checked.h"

namespace onebit {

Activations::Activations(int64_t max_tokens, int64_t max_cols)
    : max_tokens_(max_tokens),
      codes_(checked_mul(max_tokens, round_up(max_cols, kColumnPad), "activations")),
      scales_(codes_.size() / kActGroup),
      sums_(codes_.size() / kSumBlock) {}

void Activations::set(const OpContext& ctx, const float* x, int64_t n_tokens, int64_t cols,
                      ActQuant quant) {
  const int64_t padded = round_up(cols, kColumnPad);
  ONEBIT_CHECK(n_tokens <= max_tokens_ && n_tokens * padded <= codes_.size());
  x_ = x;
  n_tokens_ = n_tokens;
  cols_ = cols;
  quant_ = quant;
  for (Prepared& prepared : prepared_) prepared.made_for = nullptr;
  if (quant == ActQuant::kF32) return;
  stride_ = quant == ActQuant::kSign ? padded / 8 : padded;
  scales_stride_ = quant == ActQuant::kInt8Group ? padded / kActGroup : 1;
  sums_stride_ = padded / kSumBlock;
  ctx.pool.parallel_for(n_tokens, items_per_part(cols * 4), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      const float* row = x + m * cols;
      uint8_t* codes = codes_.data() + m * stride_;
      float* scales = scales_.data() + m * scales_stride_;
      if (quant == ActQuant::kSign) {
        *scales = ctx.f().quantize_sign(row, cols, padded, codes);
        continue;
      }
      auto* q = reinterpret_cast<int8_t*>(codes);
      int32_t* sums = sums_.data() + m * sums_stride_;
      if (quant == ActQuant::kInt8) {
        *scales = ctx.f().quantize_i8(row, cols, padded, q, sums);
      } else {
        ctx.f().quantize_i8_groups(row, cols, padded, q, sums, scales);
      }
    }
  });
}

const uint8_t* Activations::prepared(const OpContext& ctx, Packing packing) const {
  const auto& [bytes, run] = ctx.kernels.prepare[static_cast<int>(packing)];
  const int64_t size = bytes == nullptr ? 0 : bytes(cols_, n_tokens_);
  if (size == 0) return nullptr;
  Prepared& p = prepared_[static_cast<std::size_t>(packing)];
  if (p.made_for == &ctx.kernels) return p.data.data();
  if (p.data.size() < size) p.data = AlignedBuffer<uint8_t>(size);
  const PrepareArgs args{codes_.data(), stride_, cols_, n_tokens_, p.data.data()};
  const int64_t padded = round_up(cols_, kColumnPad);
  const int64_t step = round_up(items_per_part(size / padded), kColumnPad);
  ctx.pool.parallel_for(padded, step,
                        [&, f = run](int64_t begin, int64_t end) { f(args, begin, end); });
  p.made_for = &ctx.kernels;
  return p.data.data();
}

}  // namespace onebit
