#include "ops/rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace onebit {
void rms_norm_rows(const OpContext& ctx, const float* x, const float* weight, float eps, int64_t m,
                   int64_t n, float* y) {
  ctx.pool.parallel_for(m, items_per_part(n * 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ctx.f().rms_norm(x + i * n, weight, eps, n, y + i * n);
  });
}

void rope_rows(const OpContext& ctx, const RopeTable& table, int64_t first_position, int64_t m,
               int64_t n_heads, float* x) {
  ONEBIT_CHECK(first_position + m <= table.n_positions());
  const int64_t head_dim = 2 * table.half();
  const int64_t step = items_per_part(n_heads * head_dim * 8);
  ctx.pool.parallel_for(m, step, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t p = first_position + i;
      for (int64_t h = 0; h < n_heads; ++h) {
        ctx.f().rope(x + (i * n_heads + h) * head_dim, table.cosine(p), table.sine(p),
                     table.half());
      }
    }
  });
}

void attention_rows(const OpContext& ctx, const AttentionShape& shape, const float* q,
                    const KvLayer& kv, int64_t first_position, int64_t m, float* out) {
  const float scale =
      shape.scale > 0 ? shape.scale : 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const int64_t heads_per_kv = shape.n_heads / shape.n_kv_heads;
  const int64_t step = items_per_part((first_position + m) * shape.head_dim * 8);
  ctx.pool.parallel_for(m * shape.n_heads, step, [&](int64_t begin, int64_t end) {
    thread_local std::vector<float> scores;
    scores.resize(static_cast<std::size_t>(first_position + m));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t token = i / shape.n_heads;
      const int64_t n_seen = first_position + token + 1;
      const int64_t n_keys = shape.window > 0 ? std::min(shape.window, n_seen) : n_seen;
      const int64_t kv_offset =
          i % shape.n_heads / heads_per_kv * shape.head_dim + (n_seen - n_keys) * kv.row;
      ctx.f().attention(q + i * shape.head_dim, kv.k + kv_offset, kv.v + kv_offset, kv.row, n_keys,
                        shape.head_dim, scale, scores.data(), out + i * shape.head_dim);
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
