#include "ops/rows.h"

#include <array>

namespace onebit {

void rms_norm_rows(const OpContext& ctx, const float* x, const float* weight, float eps, int64_t m,
                   int64_t n, float* y) {
  ctx.pool.parallel_for(m, items_per_part(n * 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ctx.f().rms_norm(x + i * n, weight, eps, n, y + i * n);
  });
}

void rope_rows(const OpContext& ctx, const RopeTable& table, std::span<const int64_t> positions,
               int64_t n_heads, float* x) {
  const int64_t head_dim = 2 * table.half();
  const int64_t step = items_per_part(n_heads * head_dim * 8);
  ctx.pool.parallel_for(std::ssize(positions), step, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t p = positions[static_cast<std::size_t>(i)];
      ONEBIT_CHECK(p < table.n_positions());
      for (int64_t h = 0; h < n_heads; ++h) {
        ctx.f().rope(x + (i * n_heads + h) * head_dim, table.cosine(p), table.sine(p),
                     table.half());
      }
    }
  });
}

GatedOp gated_op(const FloatOps& ops, Activation activation) {
  const std::array by_activation = {ops.relu2_mul, ops.signed_square_mul, ops.silu_mul,
                                    ops.gelu_tanh_mul};
  return by_activation[static_cast<std::size_t>(activation)];
}

void gated_rows(const OpContext& ctx, Activation activation, const float* gate, const float* up,
                int64_t n, float* y) {
  const GatedOp f = gated_op(ctx.f(), activation);
  ctx.pool.parallel_for(n, items_per_part(8), [&](int64_t begin, int64_t end) {
    f(gate + begin, up + begin, end - begin, y + begin);
  });
}

void add_rows(const OpContext& ctx, float* x, const float* y, int64_t n) {
  ctx.pool.parallel_for(n, items_per_part(8), [&](int64_t begin, int64_t end) {
    ctx.f().add(x + begin, y + begin, end - begin);
  });
}

void scale_rows(const OpContext& ctx, float* x, float factor, int64_t n) {
  ctx.pool.parallel_for(n, items_per_part(8), [&](int64_t begin, int64_t end) {
    ctx.f().scale(x + begin, factor, end - begin);
  });
}

}  // namespace onebit
