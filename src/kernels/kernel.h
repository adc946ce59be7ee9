// The interface between operators and the code that is compiled once per instruction set.
//
// A *matmul kernel* multiplies a run of weight panels (quant/packing.h) with M quantised tokens: it
// owns the whole product, from packed codes to f32.
// *FloatOps* are the float steps of the forward pass: one source (float_ops.inl), compiled for each
// ISA, with one written order of operations, so that every ISA gives the same bits.
//
// Plain C++ only: ISA translation units include this file, .inl files, and nothing else of ours.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "quant/packing.h"

namespace onebit {

constexpr int64_t kSumBlock = 32;  // columns per partial activation sum
constexpr int64_t kActGroup = 32;  // columns per activation scale, where a token has several
constexpr int64_t kMaxBatchTokens = 4096;  // tokens in one call of a matmul kernel

// y = W a for M tokens. Nothing is checked; all pointers to arrays are valid for what they say.
//
// The float law, the same bits on every ISA. fma rounds once; dot_G is the exact int32 product of
// codes and activations over the columns of weight group G, dot_g over a block of kActGroup
// columns.
//   one activation scale a token:  acc = +0; for G in order: acc = fma(float(dot_G), ws[G][r],
//   acc);
//                                  y = acc * act_scale
//   a scale per kActGroup columns: acc = +0; for G in order:
//                                    t = +0; for g of G in order: t = fma(float(dot_g), as[g], t)
//                                    acc = fma(t, ws[G][r], acc);
//                                  y = acc
// A row's result never depends on the rows and tokens that travel with it.
struct MatmulArgs {
  const uint8_t* panels;  // consecutive panels, 64-byte aligned
  int64_t panel_bytes;    // of a full panel: all but the last one of the matrix
  const uint8_t* scales;  // ws [panels][n_groups][rows of the panel's tiles]
  ScaleType scale_type;   // what they are; f16 is widened exactly
  int64_t n_rows;         // real rows; panels = ceil(n_rows / rows of a full panel)
  int64_t cols;           // K, real columns
  int64_t group;          // columns per weight scale: a multiple of kColumnPad, or >= cols
  const uint8_t* acts;    // token m at acts + m * act_stride, zeros up to round_up(K, kColumnPad):
                          // int8 in -127 .. 127, or bits (kBinaryBit)
  int64_t act_stride;     // bytes
  const int32_t* act_sums;  // [M][sums_stride], a sum per kSumBlock columns; not for kBinaryBit
  int64_t sums_stride;
  const float* act_scales;  // [M][act_scales_stride]
  int64_t act_scales_stride;
  bool act_groups;          // a scale per kActGroup columns (never for kBinaryBit), else one
  int64_t n_tokens;         // M, 1 .. kMaxBatchTokens
  const uint8_t* prepared;  // what Preparation::run made of these activations, or null
  float* y;                 // token m, row r at y[m * y_stride + r]
  int64_t y_stride;
};
using MatmulKernel = void (*)(const MatmulArgs& args) noexcept;

// What a kernel wants made of the activations besides their codes (lookup tables, tiles): made once
// by each thread, for all matrices that read them.
struct PrepareArgs {
  const uint8_t* acts;  // as in MatmulArgs
  int64_t act_stride;
  int64_t cols;
  int64_t n_tokens;
  uint8_t* out;  // [bytes(cols, n_tokens)], 64-byte aligned
};
struct Preparation {
  // 0: nothing for so many tokens; the kernel then takes a null `prepared`.
  int64_t (*bytes)(int64_t cols, int64_t n_tokens) noexcept;
  // Columns begin .. end - 1 (multiples of kColumnPad), all tokens.
  void (*run)(const PrepareArgs& args, int64_t begin, int64_t end) noexcept;
};

// Rows of a float-like disk format times one f32 vector.
enum class RowFormat : uint8_t { kF32, kF16, kBF16, kQ8_0 };
constexpr int kRowFormats = 4;

// Keys and values of a sequence lie in blocks of kKvBlock positions. What one layer and kv head has
// in a block:
//   keys   [kKvBlock / kKvGroup][head_dim][kKvGroup]: transposed by groups of positions, so that a
//          vector holds one dimension of 16 keys and a query's scores need no horizontal sums
//   values [kKvBlock][kv_value_row]
//   kInt8: float key_scales[kKvBlock], value_scales[kKvBlock]: absmax / 127 of the head's vector
enum class KvType : uint8_t { kF16, kInt8, kF32 };
constexpr int64_t kKvBlock = 64;
constexpr int64_t kKvGroup = 16;
constexpr int64_t kKvChunk = 512;  // positions that attention sums before it merges

constexpr int64_t kv_value_row(int64_t head_dim) {  // elements; what is past head_dim is not used
  return (head_dim + 15) / 16 * 16;
}
constexpr int64_t kv_head_bytes(KvType type, int64_t head_dim) {  // a multiple of 64
  const int64_t elements = kKvBlock * (head_dim + kv_value_row(head_dim));
  if (type == KvType::kInt8) return elements + kKvBlock * 8;
  return elements * (type == KvType::kF16 ? 2 : 4);
}

constexpr int64_t kAttentionQueries = 8;
// Floats of a query's partial result: o [kv_value_row], m, l, and room up to a whole vector.
constexpr int64_t attention_partial(int64_t head_dim) {
  return kv_value_row(head_dim) + 16;
}
constexpr int64_t attention_scratch(int64_t head_dim) {  // floats
  return kAttentionQueries * (head_dim + kKvChunk);
}

// Queries against the positions that each may see of one chunk of one kv head. With q' = q * scale:
//   s_t = sum over d in order of fma(q'[d], k[d][t], .) from +0; kInt8: then * key_scale[t]
//   m = max s_t, p_t = exp(s_t - m), l = sum of p_t, lane t mod 16 (FloatOps says the order)
//   o[d] = sum over t in order of fma(p_t, v[t][d], .); kInt8: of p_t * value_scale[t], rounded
// Other positions have no influence, whatever lies there.
struct AttentionArgs {
  KvType type;
  int64_t head_dim;
  float scale;
  const uint8_t* const* blocks;  // of the chunk
  int64_t offset;                // of the layer and head in a block, bytes
  int64_t n_queries;             // 1..kAttentionQueries
  const float* q[kAttentionQueries];
  int64_t begin[kAttentionQueries];  // in the chunk: begin < end <= kKvChunk
  int64_t end[kAttentionQueries];
  float* partial[kAttentionQueries];  // out: attention_partial(head_dim) floats
  float* scratch;                     // attention_scratch(head_dim) floats
  const uint8_t* next;  // a head of a block that will be read after this call, or null; a hint
};

// The order of every sum over n values: 16 lanes, lane l adds values l, l + 16, ... in turn (a
// partial last step adds +0 to the other lanes), then lanes are added pairwise: l with l + 8, + 4,
// + 2, + 1. A product is added by fma: one rounding.
struct FloatOps {
  // sum a[i] * b[i]
  float (*dot)(const float* a, const float* b, int64_t n);
  // out[r] = row r . x for n_rows rows that start row_bytes apart. Q8_0 (n % 32 == 0): each weight
  // is rounded to f32 (d * q) first.
  void (*rows_dot)(RowFormat format, const uint8_t* rows, int64_t row_bytes, int64_t n_rows,
                   const float* x, int64_t n, float* out);
  // y[i] = x[i] * (1 / sqrt(mean(x^2) + eps)) * weight[i]; y may be x
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t n, float* y);
  // Half-split rotary embedding of one head, in place: pairs (i, i + half) turn by the angle i.
  void (*rope)(float* x, const float* cosine, const float* sine, int64_t half);
  // x = exp(x - max x) * (1 / sum), in place. n >= 1.
  void (*softmax)(float* x, int64_t n);
  // y = max(gate, 0)^2 * up; y may be gate or up
  void (*relu2_mul)(const float* gate, const float* up, int64_t n, float* y);
  // y = gate * |gate| * up: keeps the sign of the gate, for 1-bit activations
  void (*signed_square_mul)(const float* gate, const float* up, int64_t n, float* y);
  // y = gate / (1 + exp(-gate)) * up
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* y);
  // y = gelu(gate) * up in the tanh form, 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))), taken
  // as the equal g / (1 + exp(-2 sqrt(2 / pi) (g + 0.044715 g^3))).
  void (*gelu_tanh_mul)(const float* gate, const float* up, int64_t n, float* y);
  // x += y
  void (*add)(float* x, const float* y, int64_t n);
  // x *= factor
  void (*scale)(float* x, float factor, int64_t n);
  // Rounds one token's key and value [head_dim] (kF32: as they are) into position `t` of a block's
  // head.
  void (*kv_store)(KvType type, const float* k, const float* v, int64_t head_dim, int64_t t,
                   uint8_t* head);
  void (*attention)(const AttentionArgs& args);
  // A query's partial results of n >= 1 chunks, `attention_partial(head_dim)` floats each, into its
  // output [head_dim]. In order: m' = max(m, m_c), a = exp(m - m'), b = exp(m_c - m'),
  // l = fma(l, a, l_c * b), o = fma(o, a, o_c * b); at last out = o * (1 / l). Overwrites the
  // first.
  void (*attention_merge)(float* partials, int64_t n, int64_t head_dim, float* out);
  // Int8 activations of one token: r = 127 / max(absmax, 1e-5), q = round_half_even(x * r);
  // returns the scale max(absmax, 1e-5) / 127. Writes q[n] and zeros up to `padded`, and the sums
  // of each kSumBlock columns [padded / kSumBlock]. Non-finite x gives an unspecified q.
  float (*quantize_i8)(const float* x, int64_t n, int64_t padded, int8_t* q, int32_t* sums);
  // The same by groups of kActGroup columns, each as if it were a token of its own (the last one
  // may be shorter): scales[padded / kActGroup].
  void (*quantize_i8_groups)(const float* x, int64_t n, int64_t padded, int8_t* q, int32_t* sums,
                             float* scales);
  // 1-bit activations: bit = x >= 0 (sign(0) = +1); returns the scale mean|x|. Writes
  // bits[padded / 8], zero past n.
  float (*quantize_sign)(const float* x, int64_t n, int64_t padded, uint8_t* bits);
};

// What one instruction set offers. Every entry equals the scalar one bit for bit.
struct Kernels {
  const char* isa;                 // "scalar", "avx2", "neon-dotprod", ...
  MatmulKernel matmul[kPackings];  // by Packing; null: not here (kTripleI8 and kInt6 on some)
  Preparation prepare[kPackings];  // both members null: none
  FloatOps floats;
};

}  // namespace onebit
