// Attention of up to 8 queries to a chunk of one kv head: keys and values are read once, and each
// vector of them is converted once for all queries of a tile. kernel.h has the law.
//
// Lanes are positions in the scores and dimensions in the sum of values, so no lane meets another
// but in l. Included by float_ops.inl, whose exp_v and quantiser it uses.

#pragma once

#include "kernels/kernel.h"
#include "kernels/vector.inl"

namespace onebit {
namespace {

struct Range {
  int64_t begin, end;
};

ONEBIT_INLINE Range clip(Range r, int64_t begin, int64_t end) {
  return {r.begin > begin ? r.begin : begin, r.end < end ? r.end : end};
}

ONEBIT_INLINE int64_t distance(const void* from, const void* to) {  // bytes, of any two objects
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from));
}

ONEBIT_INLINE void prefetch(const void* p, int64_t ahead) {
  __builtin_prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + static_cast<uintptr_t>(ahead)),
      0, 2);
}

// One head of a block.
template <typename E>
struct KvHead {
  const E* keys;
  const E* values;
  const float* key_scales;  // kInt8
  const float* value_scales;

  KvHead(const uint8_t* head, int64_t head_dim)
      : keys(reinterpret_cast<const E*>(head)),
        values(keys + kKvBlock * head_dim),
        key_scales(reinterpret_cast<const float*>(values + kKvBlock * kv_value_row(head_dim))),
        value_scales(key_scales + kKvBlock) {}
};

// scores[i][0..16 * kGroups) of kQueries queries (rows of head_dim) and kGroups groups of keys.
// Whatever is read, the same place `ahead` bytes further is prefetched.
template <int kQueries, int kGroups, typename E>
ONEBIT_INLINE void score_groups(const E* keys, int64_t ahead, int64_t head_dim, const float* q,
                                float* scores) {
  static_assert(kKvGroup == kLanes);
  constexpr int kVectors = kGroups * kLaneParts;
  N acc[kQueries][kVectors] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) {
      const E* key = keys + (j / kLaneParts * head_dim + d) * kKvGroup + j % kLaneParts * kNative;
      prefetch(key, ahead);
      const N k = widen(key);
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        acc[i][j] = fma_native(splat_native(q[i * head_dim + d]), k, acc[i][j]);
      }
    }
  }
  for (int i = 0; i < kQueries; ++i) {
    for (int j = 0; j < kVectors; ++j) store_native(scores + i * kKvChunk + j * kNative, acc[i][j]);
  }
}

// Scores of the groups that hold `seen`.
template <int kQueries, typename E>
ONEBIT_INLINE void score(const AttentionArgs& a, Range seen, const float* q, float* scores) {
  constexpr int kFit = kAccumulators * kNative / (kKvGroup * kQueries);
  constexpr int kGroups = kFit >= 4 ? 4 : kFit >= 2 ? 2 : 1;
  for (int64_t b = seen.begin / kKvBlock; b * kKvBlock < seen.end; ++b) {
    const KvHead<E> head(a.blocks[b] + a.offset, a.head_dim);
    const Range t = clip(seen, b * kKvBlock, (b + 1) * kKvBlock);
    int64_t g = (t.begin - b * kKvBlock) / kKvGroup;
    const int64_t end = (t.end - b * kKvBlock + kKvGroup - 1) / kKvGroup;
    // The keys of the next block, at last the values of the first, are fetched meanwhile.
    const int64_t last = (seen.end - 1) / kKvBlock;
    const KvHead<E> next(a.blocks[b < last ? b + 1 : seen.begin / kKvBlock] + a.offset, a.head_dim);
    const int64_t ahead = distance(head.keys, b < last ? next.keys : next.values);
    const auto keys = [&] { return head.keys + g * a.head_dim * kKvGroup; };
    const auto out = [&] { return scores + b * kKvBlock + g * kKvGroup; };
    for (; g + kGroups <= end; g += kGroups) {
      score_groups<kQueries, kGroups>(keys(), ahead, a.head_dim, q, out());
    }
    for (; g < end; ++g) score_groups<kQueries, 1>(keys(), ahead, a.head_dim, q, out());
  }
}

// Turns a query's scores into p (kInt8: times the values' scales); writes m and l.
template <typename E>
ONEBIT_INLINE void soften(const AttentionArgs& a, Range seen, float* scores, float* m, float* l) {
  constexpr bool kScaled = sizeof(E) == 1;
  const float infinity = __builtin_inff();
  const int64_t first = seen.begin / kKvGroup * kKvGroup;
  V top = splat(-infinity);
  for (int64_t t = first; t < seen.end; t += kKvGroup) {
    const KvHead<E> head(a.blocks[t / kKvBlock] + a.offset, a.head_dim);
    V s = load(scores + t);
    if (kScaled) s = s * load(head.key_scales + t % kKvBlock);
    if (t < seen.begin || t + kKvGroup > seen.end) {
      const VI lane = load(kLaneNumbers) + static_cast<int32_t>(t);
      const VI hidden = (splat(static_cast<int32_t>(seen.begin)) > lane) |
                        (lane > splat(static_cast<int32_t>(seen.end - 1)));
      s = select(hidden, splat(-infinity), s);
    }
    store(scores + t, s);
    top = max_v(s, top);
  }
  *m = reduce_max(top);
  V sum = {};
  for (int64_t t = first; t < seen.end; t += kKvGroup) {
    const KvHead<E> head(a.blocks[t / kKvBlock] + a.offset, a.head_dim);
    V p = exp_v(load(scores + t) - splat(*m));  // 0 where hidden
    sum = sum + p;
    if (kScaled) p = p * load(head.value_scales + t % kKvBlock);
    store(scores + t, p);
  }
  *l = reduce_add(sum);
}

// o[i][0..16 * kVectors) += sum of p[i][t] * v_t over n positions.
template <int kQueries, int kVectors, typename E>
ONEBIT_INLINE void add_columns(const E* values, int64_t ahead, int64_t row, int64_t n,
                               const float* p, float* const* o, int64_t column) {
  N acc[kQueries][kVectors];
  for (int i = 0; i < kQueries; ++i) {
    for (int j = 0; j < kVectors; ++j) acc[i][j] = load_native(o[i] + column + j * kNative);
  }
  for (int64_t t = 0; t < n; ++t) {
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) {
      const E* value = values + t * row + column + j * kNative;
      prefetch(value, ahead);
      const N v = widen(value);
#pragma GCC unroll 16
      for (int i = 0; i < kQueries; ++i) {
        acc[i][j] = fma_native(splat_native(p[i * kKvChunk + t]), v, acc[i][j]);
      }
    }
  }
  for (int i = 0; i < kQueries; ++i) {
    for (int j = 0; j < kVectors; ++j) store_native(o[i] + column + j * kNative, acc[i][j]);
  }
}

template <int kQueries, typename E>
ONEBIT_INLINE void add_values(const KvHead<E>& head, int64_t ahead, int64_t row, int64_t b, Range t,
                              const float* p, float* const* o) {
  constexpr int kFit = kAccumulators / kQueries;
  constexpr int kVectors = kFit >= 8 ? 8 : kFit >= 1 ? kFit : 1;
  if (t.begin >= t.end) return;
  const E* values = head.values + (t.begin - b * kKvBlock) * row;
  int64_t c = 0;
  for (; c + kVectors * kNative <= row; c += kVectors * kNative) {
    add_columns<kQueries, kVectors>(values, ahead, row, t.end - t.begin, p + t.begin, o, c);
  }
  for (; c < row; c += kNative) {
    add_columns<kQueries, 1>(values, ahead, row, t.end - t.begin, p + t.begin, o, c);
  }
}

// Queries first .. first + kQueries - 1 of the call.
template <int kQueries, typename E>
void attend(const AttentionArgs& a, int64_t first, const float* q, float* p) {
  const int64_t row = kv_value_row(a.head_dim);
  float* const* o = a.partial + first;
  Range seen[kQueries];
  Range any = {kKvChunk, 0};
  for (int i = 0; i < kQueries; ++i) {
    seen[i] = {a.begin[first + i], a.end[first + i]};
    any.begin = seen[i].begin < any.begin ? seen[i].begin : any.begin;
    any.end = seen[i].end > any.end ? seen[i].end : any.end;
  }
  score<kQueries, E>(a, any, q, p);
  for (int i = 0; i < kQueries; ++i) {
    soften<E>(a, seen[i], p + i * kKvChunk, o[i] + row, o[i] + row + 1);
    memset(o[i], 0, static_cast<size_t>(row) * sizeof(float));
  }
  for (int64_t b = any.begin / kKvBlock; b * kKvBlock < any.end; ++b) {
    const KvHead<E> head(a.blocks[b] + a.offset, a.head_dim);
    const int64_t last = (any.end - 1) / kKvBlock;
    const uint8_t* next = b < last ? a.blocks[b + 1] + a.offset : a.next;
    const int64_t ahead =
        b < last ? distance(head.values, KvHead<E>(next, a.head_dim).values)
                 : distance(head.values, next == nullptr ? a.blocks[0] + a.offset : next);
    // What all see they read together; each reads alone what it sees before and after that.
    Range mine[kQueries];
    Range all = {b * kKvBlock, (b + 1) * kKvBlock};
    for (int i = 0; i < kQueries; ++i) {
      mine[i] = clip(seen[i], b * kKvBlock, (b + 1) * kKvBlock);
      all = clip(all, mine[i].begin, mine[i].end);
    }
    if (all.begin >= all.end) all = {(b + 1) * kKvBlock, (b + 1) * kKvBlock};
    if (kQueries > 1) {
      for (int i = 0; i < kQueries; ++i) {
        add_values<1>(head, ahead, row, b, clip(mine[i], 0, all.begin), p + i * kKvChunk, o + i);
      }
    }
    add_values<kQueries>(head, ahead, row, b, all, p, o);
    if (kQueries > 1) {
      for (int i = 0; i < kQueries; ++i) {
        add_values<1>(head, ahead, row, b, clip(mine[i], all.end, kKvChunk), p + i * kKvChunk,
                      o + i);
      }
    }
  }
}

template <typename E>
void attend_all(const AttentionArgs& a) {
  float* const q = a.scratch;
  float* const p = q + kAttentionQueries * a.head_dim;
  for (int64_t i = 0; i < a.n_queries; ++i) {
    for (int64_t d = 0; d < a.head_dim; ++d) q[i * a.head_dim + d] = a.q[i][d] * a.scale;
  }
  int64_t i = 0;
  const auto run = [&](auto tile, int64_t n) {
    for (; i + n <= a.n_queries; i += n) tile(a, i, q + i * a.head_dim, p + i * kKvChunk);
  };
  if (kAccumulators >= 16) run(attend<8, E>, 8);
  run(attend<4, E>, 4);
  run(attend<2, E>, 2);
  run(attend<1, E>, 1);
}

void attention(const AttentionArgs& a) {
  switch (a.type) {
    case KvType::kF16:
      return attend_all<uint16_t>(a);
    case KvType::kInt8:
      return attend_all<int8_t>(a);
    case KvType::kF32:
      return attend_all<float>(a);
  }
}

void attention_merge(float* partials, int64_t n, int64_t head_dim, float* out) {
  const int64_t row = kv_value_row(head_dim);
  float* const o = partials;
  float m = o[row];
  V l = splat(o[row + 1]);
  for (int64_t c = 1; c < n; ++c) {
    const float* const next = partials + c * attention_partial(head_dim);
    const float m_next = next[row];
    const float top = m_next > m ? m_next : m;
    const V a = exp_v(splat(m - top));
    const V b = exp_v(splat(m_next - top));
    l = fma_v(l, a, splat(next[row + 1]) * b);
    for (int64_t d = 0; d < row; d += kLanes) {
      store(o + d, fma_v(load(o + d), a, load(next + d) * b));
    }
    m = top;
  }
  const float inverse = 1.0f / l.part[0][0];
  map2(o, o, head_dim, out, [inverse](V v, V) { return v * inverse; });
}

void store_kv_f16(const float* k, const float* v, int64_t head_dim, int64_t t, uint16_t* keys) {
  uint16_t* key = keys + t / kKvGroup * head_dim * kKvGroup + t % kKvGroup;
  uint16_t* value = keys + kKvBlock * head_dim + t * kv_value_row(head_dim);
  for (int64_t d = 0; d < head_dim; d += kLanes) {
    const int64_t n = head_dim - d < kLanes ? head_dim - d : kLanes;
    uint16_t halves[kLanes];
    store_f16(halves, load_columns(k, d, head_dim));
    for (int64_t l = 0; l < n; ++l) key[(d + l) * kKvGroup] = halves[l];
    store_f16(halves, load_columns(v, d, head_dim));
    memcpy(value + d, halves, static_cast<size_t>(n) * sizeof *halves);
  }
}

void store_kv_i8(const float* k, const float* v, int64_t head_dim, int64_t t, int8_t* keys) {
  int8_t* key = keys + t / kKvGroup * head_dim * kKvGroup + t % kKvGroup;
  int8_t* values = keys + kKvBlock * head_dim;
  int8_t* value = values + t * kv_value_row(head_dim);
  float* scales = reinterpret_cast<float*>(values + kKvBlock * kv_value_row(head_dim));
  const float k_max = absmax(k, 0, head_dim, head_dim);
  const float v_max = absmax(v, 0, head_dim, head_dim);
  const float k_range = k_max > 1e-5f ? k_max : 1e-5f;
  const float v_range = v_max > 1e-5f ? v_max : 1e-5f;
  const float k_r = 127.0f / k_range;
  const float v_r = 127.0f / v_range;
  scales[t] = k_range / 127.0f;
  scales[kKvBlock + t] = v_range / 127.0f;
  for (int64_t d = 0; d < head_dim; d += kLanes) {
    const int64_t n = head_dim - d < kLanes ? head_dim - d : kLanes;
    int8_t codes[kLanes];
    store_i8(codes, round_i8(load_columns(k, d, head_dim), k_r));
    for (int64_t l = 0; l < n; ++l) key[(d + l) * kKvGroup] = codes[l];
    store_i8(codes, round_i8(load_columns(v, d, head_dim), v_r));
    memcpy(value + d, codes, static_cast<size_t>(n));
  }
}

void store_kv_f32(const float* k, const float* v, int64_t head_dim, int64_t t, float* keys) {
  float* key = keys + t / kKvGroup * head_dim * kKvGroup + t % kKvGroup;
  for (int64_t d = 0; d < head_dim; ++d) key[d * kKvGroup] = k[d];
  memcpy(keys + kKvBlock * head_dim + t * kv_value_row(head_dim), v,
         static_cast<size_t>(head_dim) * sizeof(float));
}

void kv_store(KvType type, const float* k, const float* v, int64_t head_dim, int64_t t,
              uint8_t* head) {
  switch (type) {
    case KvType::kF16:
      return store_kv_f16(k, v, head_dim, t, reinterpret_cast<uint16_t*>(head));
    case KvType::kInt8:
      return store_kv_i8(k, v, head_dim, t, reinterpret_cast<int8_t*>(head));
    case KvType::kF32:
      return store_kv_f32(k, v, head_dim, t, reinterpret_cast<float*>(head));
  }
}

}  // namespace
}  // namespace onebit
