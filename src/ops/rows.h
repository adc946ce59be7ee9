// FloatOps applied to M tokens, spread over the threads by token (and head).
#pragma once

#include <cstdint>

#include "ops/kv_view.h"
#include "ops/linear.h"
#include "ops/rope.h"

namespace onebit {

// y[m] = rms_norm(x[m]) * weight for M rows of n; y may be x. Norms of heads: M * n_heads rows of
// head_dim.
void rms_norm_rows(const OpContext& ctx, const float* x, const float* weight, float eps, int64_t m,
                   int64_t n, float* y);

// Turns n_heads heads of each of M tokens at positions first_position + m, in place.
void rope_rows(const OpContext& ctx, const RopeTable& table, int64_t first_position, int64_t m,
               int64_t n_heads, float* x);

// What a gated feed-forward applies to the gate: relu(g)^2, g|g|, g * sigmoid(g), or GELU in its
// tanh form.
enum class Activation : uint8_t { kRelu2, kSignedSquare, kSilu, kGeluTanh };

struct AttentionShape {
  int64_t n_heads;
  int64_t n_kv_heads;  // query head h reads key/value head h / (n_heads / n_kv_heads)
  int64_t head_dim;
  float scale = 0;     // of q . k; 0: 1 / sqrt(head_dim)
  int64_t window = 0;  // a position sees only the last `window` ones, itself among them; 0: all
};

// Causal attention of M tokens at positions first_position + m, whose keys and values are already
// in `kv`: out [M, n_heads * head_dim] from q of the same shape.
void attention_rows(const OpContext& ctx, const AttentionShape& shape, const float* q,
                    const KvLayer& kv, int64_t first_position, int64_t m, float* out);

// How the kernels compute it: y = f(gate) * up over n values; y may be gate or up.
using GatedOp = void (*)(const float* gate, const float* up, int64_t n, float* y);
GatedOp gated_op(const FloatOps& ops, Activation activation);

// The gated activation over n values: y = f(gate) * up; y may be gate.
void gated_rows(const OpContext& ctx, Activation activation, const float* gate, const float* up,
                int64_t n, float* y);

// x += y over n values.
void add_rows(const OpContext& ctx, float* x, const float* y, int64_t n);

// x *= factor over n values.
void scale_rows(const OpContext& ctx, float* x, float factor, int64_t n);

}  // namespace onebit
