// The float steps of the forward pass, written once and compiled by every ISA folder.
//
// vector.inl says why every ISA returns the same bits.

#include <string.h>

#include "kernels/kernel.h"
#include "kernels/vector.inl"

namespace onebit {
namespace {

// y[i] = f(a[i], b[i]) for i < n; the last partial step computes on zeros past n.
template <typename F>
ONEBIT_INLINE void map2(const float* a, const float* b, int64_t n, float* y, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) store_partial(y + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i)), n - i);
}

// Round to the nearest integer, ties to even, for |v| < 2^22: adding 1.5 * 2^23 leaves no fraction.
ONEBIT_INLINE V round_even(V v) {
  const V magic = splat(12582912.0f);
  return (v + magic) - magic;
}

// e^x within 2 ULP (float_ops_test.cpp): x = n ln2 + r with |r| <= ln2 / 2, e^r by the degree-7
// polynomial of Cephes expf (S. Moshier). 0 below -87, at most e^88.
ONEBIT_INLINE V exp_v(V x) {
  const V low = splat(-87.0f);
  const V z = max_v(low, min_v(splat(88.0f), x));
  const V n = round_even(z * 1.44269504088896341f);
  // ln2 = 0.693359375 - 2.12194440e-4
  V r = fma_v(n, splat(-0.693359375f), z);
  r = fma_v(n, splat(2.12194440e-4f), r);
  V p = splat(1.9875691500e-4f);
  p = fma_v(p, r, splat(1.3981999507e-3f));
  p = fma_v(p, r, splat(8.3334519073e-3f));
  p = fma_v(p, r, splat(4.1665795894e-2f));
  p = fma_v(p, r, splat(1.6666665459e-1f));
  p = fma_v(p, r, splat(5.0000001201e-1f));
  p = fma_v(p, r * r, r) + 1.0f;
  const V scale = bits_as_float((to_int(n) + 127) << 23);
  return select(low > x, V{}, p * scale);
}

ONEBIT_INLINE float f16_scalar(const uint8_t* p) {
  NH h = {};
  memcpy(&h, p, 2);
  return from_f16(h)[0];
}

// 16 weights of a row from column i (a multiple of 16); `count` < 16 of them at the end of a row.
struct RowF32 {
  ONEBIT_INLINE V full(const uint8_t* row, int64_t i) {
    return by_parts<V>([&](int k) {
      N v;
      memcpy(&v, row + (i + k * kNative) * 4, sizeof v);
      return v;
    });
  }
  ONEBIT_INLINE V part(const uint8_t* row, int64_t i, int64_t n) {
    uint8_t padded[4 * kLanes] = {};
    memcpy(padded, row + i * 4, static_cast<size_t>(n) * 4);
    return full(padded, 0);
  }
};

template <typename FromHalf>
struct RowHalves {
  ONEBIT_INLINE V full(const uint8_t* row, int64_t i) {
    return by_parts<V>([&](int k) {
      NH h;
      memcpy(&h, row + (i + k * kNative) * 2, sizeof h);
      return FromHalf::convert(h);
    });
  }
  ONEBIT_INLINE V part(const uint8_t* row, int64_t i, int64_t n) {
    uint8_t padded[2 * kLanes] = {};
    memcpy(padded, row + i * 2, static_cast<size_t>(n) * 2);
    return full(padded, 0);
  }
};

struct FromF16 {
  ONEBIT_INLINE N convert(NH h) { return from_f16(h); }
};
using RowF16 = RowHalves<FromF16>;

struct FromBF16 {
  ONEBIT_INLINE N convert(NH h) {
    const NI bits = __builtin_convertvector(h, NI) << 16;
    N value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
};
using RowBF16 = RowHalves<FromBF16>;

// Blocks of 34 bytes: f16 d, then 32 int8.
struct RowQ8_0 {
  ONEBIT_INLINE V full(const uint8_t* row, int64_t i) {
    const uint8_t* block = row + i / 32 * 34;
    return load_wide(reinterpret_cast<const int8_t*>(block + 2 + i % 32)) * f16_scalar(block);
  }
  ONEBIT_INLINE V part(const uint8_t* row, int64_t i, int64_t) { return full(row, i); }
};

template <typename Row>
void rows_dot_as(const uint8_t* rows, int64_t row_bytes, int64_t n_rows, const float* x, int64_t n,
                 float* out) {
  constexpr int64_t kTile = 4;  // rows at a time: their chains of additions overlap
  const int64_t full = n / kLanes * kLanes;
  const V x_tail = load_partial(x + full, n - full);
  int64_t r = 0;
  for (; r + kTile <= n_rows; r += kTile) {
    V acc[kTile] = {};
    const uint8_t* row = rows + r * row_bytes;
    for (int64_t i = 0; i < full; i += kLanes) {
      const V xi = load(x + i);
      for (int64_t t = 0; t < kTile; ++t)
        acc[t] = fma_v(Row::full(row + t * row_bytes, i), xi, acc[t]);
    }
    for (int64_t t = 0; t < kTile; ++t) {
      if (full < n) acc[t] = fma_v(Row::part(row + t * row_bytes, full, n - full), x_tail, acc[t]);
      out[r + t] = reduce_add(acc[t]);
    }
  }
  for (; r < n_rows; ++r) {
    V acc = {};
    const uint8_t* row = rows + r * row_bytes;
    for (int64_t i = 0; i < full; i += kLanes) acc = fma_v(Row::full(row, i), load(x + i), acc);
    if (full < n) acc = fma_v(Row::part(row, full, n - full), x_tail, acc);
    out[r] = reduce_add(acc);
  }
}

void rows_dot(RowFormat format, const uint8_t* rows, int64_t row_bytes, int64_t n_rows,
              const float* x, int64_t n, float* out) {
  switch (format) {
    case RowFormat::kF32:
      return rows_dot_as<RowF32>(rows, row_bytes, n_rows, x, n, out);
    case RowFormat::kF16:
      return rows_dot_as<RowF16>(rows, row_bytes, n_rows, x, n, out);
    case RowFormat::kBF16:
      return rows_dot_as<RowBF16>(rows, row_bytes, n_rows, x, n, out);
    case RowFormat::kQ8_0:
      return rows_dot_as<RowQ8_0>(rows, row_bytes, n_rows, x, n, out);
  }
}

float dot(const float* a, const float* b, int64_t n) {
  V acc = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) acc = fma_v(load(a + i), load(b + i), acc);
  if (i < n) acc = fma_v(load_partial(a + i, n - i), load_partial(b + i, n - i), acc);
  return reduce_add(acc);
}

void rms_norm(const float* x, const float* weight, float eps, int64_t n, float* y) {
  const float mean = dot(x, x, n) / static_cast<float>(n);
  const float inverse = 1.0f / __builtin_sqrtf(mean + eps);
  map2(x, weight, n, y, [inverse](V v, V w) { return (v * inverse) * w; });
}

void rope(float* x, const float* cosine, const float* sine, int64_t half) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const V a = load(x + i);
    const V b = load(x + half + i);
    const V c = load(cosine + i);
    const V s = load(sine + i);
    store(x + i, a * c - b * s);
    store(x + half + i, b * c + a * s);
  }
  if (i == half) return;
  const int64_t n = half - i;
  const V a = load_partial(x + i, n);
  const V b = load_partial(x + half + i, n);
  const V c = load_partial(cosine + i, n);
  const V s = load_partial(sine + i, n);
  store_partial(x + i, a * c - b * s, n);
  store_partial(x + half + i, b * c + a * s, n);
}

void softmax(float* x, int64_t n) {
  V highest = splat(x[0]);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) highest = max_v(load(x + i), highest);
  float top = reduce_max(highest);
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;

  V sum = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const V e = exp_v(load(x + i) - splat(top));
    store(x + i, e);
    sum = sum + e;
  }
  if (i < n) {
    store_partial(x + i, exp_v(load_partial(x + i, n - i) - splat(top)), n - i);
    sum = sum + load_partial(x + i, n - i);
  }
  const float inverse = 1.0f / reduce_add(sum);
  map2(x, x, n, x, [inverse](V v, V) { return v * inverse; });
}

void relu2_mul(const float* gate, const float* up, int64_t n, float* y) {
  map2(gate, up, n, y, [](V g, V u) {
    const V r = max_v(g, V{});
    return (r * r) * u;
  });
}

void signed_square_mul(const float* gate, const float* up, int64_t n, float* y) {
  map2(gate, up, n, y, [](V g, V u) { return (g * max_v(g, -g)) * u; });
}

void silu_mul(const float* gate, const float* up, int64_t n, float* y) {
  map2(gate, up, n, y, [](V g, V u) { return (g / (exp_v(-g) + 1.0f)) * u; });
}

// sqrt(8 / pi) (g + 0.044715 g^3) = g (a + b g^2), so that a large g ends in an infinity of its
// sign. Beyond exp's limit the result is 0, where g / (1 + e^88) would grow with g.
void gelu_tanh_mul(const float* gate, const float* up, int64_t n, float* y) {
  map2(gate, up, n, y, [](V g, V u) {
    const V z = -(g * (g * g * 0.0713548162726f + 1.59576912161f));
    const V gelu = g / (exp_v(z) + 1.0f);
    return select(z > splat(88.0f), V{}, gelu) * u;
  });
}

void add(float* x, const float* y, int64_t n) {
  map2(x, y, n, x, [](V a, V b) { return a + b; });
}

void scale(float* x, float factor, int64_t n) {
  map2(x, x, n, x, [factor](V v, V) { return v * factor; });
}

// Columns i .. i + 15 of n, then +0.
ONEBIT_INLINE V load_columns(const float* x, int64_t i, int64_t n) {
  return i + kLanes <= n ? load(x + i) : i < n ? load_partial(x + i, n - i) : V{};
}

// The largest |x| of columns begin .. end - 1 of n; what is no number does not count.
ONEBIT_INLINE float absmax(const float* x, int64_t begin, int64_t end, int64_t n) {
  V highest = {};
  for (int64_t i = begin; i < end; i += kLanes) {
    const V v = load_columns(x, i, n);
    highest = max_v(max_v(v, -v), highest);
  }
  return reduce_max(highest);
}

// The codes of x * r.
ONEBIT_INLINE VI round_i8(V x, float r) {
  const V rounded = round_even(x * r);
  return to_int(min_v(max_v(rounded, splat(-127.0f)), splat(127.0f)));  // no-ops for finite x
}

// Codes of columns c .. c + kSumBlock - 1; returns their sum.
ONEBIT_INLINE int32_t quantize_block(const float* x, int64_t c, int64_t n, float r, int8_t* q) {
  static_assert(kSumBlock == 2 * kLanes);
  const VI low = round_i8(load_columns(x, c, n), r);
  const VI high = round_i8(load_columns(x, c + kLanes, n), r);
  store_i8(q + c, low);
  store_i8(q + c + kLanes, high);
  return reduce_add(low + high);
}

float quantize_i8(const float* x, int64_t n, int64_t padded, int8_t* q, int32_t* sums) {
  const float highest = absmax(x, 0, n, n);
  const float range = highest > 1e-5f ? highest : 1e-5f;
  const float r = 127.0f / range;
  for (int64_t c = 0; c < padded; c += kSumBlock) {
    sums[c / kSumBlock] = quantize_block(x, c, n, r, q);
  }
  return range / 127.0f;
}

void quantize_i8_groups(const float* x, int64_t n, int64_t padded, int8_t* q, int32_t* sums,
                        float* scales) {
  static_assert(kActGroup == kSumBlock);
  const int64_t n_groups = padded / kActGroup;
  for (int64_t first = 0; first < n_groups; first += kLanes) {  // 16 groups, divided together
    const int64_t count = n_groups - first < kLanes ? n_groups - first : kLanes;
    float r[kLanes] = {};
    for (int64_t g = 0; g < count; ++g) {
      const int64_t c = (first + g) * kActGroup;
      r[g] = absmax(x, c, c + kActGroup, n);
    }
    const V range = max_v(load(r), splat(1e-5f));
    store(r, splat(127.0f) / range);
    store_partial(scales + first, range / splat(127.0f), count);
    for (int64_t g = first; g < first + count; ++g) {
      sums[g] = quantize_block(x, g * kActGroup, n, r[g - first], q);
    }
  }
}

float quantize_sign(const float* x, int64_t n, int64_t padded, uint8_t* bits) {
  memset(bits, 0, static_cast<size_t>(padded / 8));
  V sum = {};
  for (int64_t i = 0; i < n; i += kLanes) {
    const V v = load_columns(x, i, n);
    sum = sum + max_v(v, -v);
    const int64_t real = n - i < kLanes ? n - i : kLanes;
    const int32_t sixteen = bits_of(v >= V{}) & ((1 << real) - 1);
    bits[i / 8] = static_cast<uint8_t>(sixteen);
    bits[i / 8 + 1] = static_cast<uint8_t>(sixteen >> 8);
  }
  return reduce_add(sum) / static_cast<float>(n);
}

}  // namespace
}  // namespace onebit

#include "kernels/attention.inl"

namespace onebit {
namespace {

constexpr FloatOps kFloatOps = {
    dot,         rows_dot,           rms_norm,     rope,  softmax,  relu2_mul, signed_square_mul,
    silu_mul,    gelu_tanh_mul,      add,          scale, kv_store, attention, attention_merge,
    quantize_i8, quantize_i8_groups, quantize_sign};

}  // namespace
}  // namespace onebit
