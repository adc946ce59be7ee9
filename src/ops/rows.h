// FloatOps applied to M tokens, spread over the threads by token (and head).
#pragma once

#include <cstdint>
#include <span>

#include "ops/linear.h"
#include "ops/rope.h"

namespace onebit {

// y[m] = rms_norm(x[m]) * weight for M rows of n; y may be x. Norms of heads: M * n_heads rows of
// head_dim.
void rms_norm_rows(const OpContext& ctx, const float* x, const float* weight, float eps, int64_t m,
                   int64_t n, float* y);

// Turns n_heads heads of each of M tokens at their positions, in place.
void rope_rows(const OpContext& ctx, const RopeTable& table, std::span<const int64_t> positions,
               int64_t n_heads, float* x);

// What a gated feed-forward applies to the gate: relu(g)^2, g|g|, g * sigmoid(g), or GELU in its
// tanh form.
enum class Activation : uint8_t { kRelu2, kSignedSquare, kSilu, kGeluTanh };

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
