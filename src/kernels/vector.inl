// 16 lanes of f32 or int32 on any machine, in parts of the CPU's own width (native.inl).

#pragma once

#include "kernels/half.inl"

namespace onebit {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kLaneParts = kLanes / kNative;
static_assert(kLaneParts == 1 || kLaneParts == 2 || kLaneParts == 4);

template <typename E>
struct Lanes {
  typedef E Part __attribute__((vector_size(4 * kNative)));
  Part part[kLaneParts];
};
using V = Lanes<float>;
using VI = Lanes<int32_t>;

template <typename R, typename F>
ONEBIT_INLINE R by_parts(F f) {
  if constexpr (kLaneParts == 1) return {{f(0)}};
  if constexpr (kLaneParts == 2) return {{f(0), f(1)}};
  if constexpr (kLaneParts == 4) return {{f(0), f(1), f(2), f(3)}};
}

ONEBIT_INLINE V splat(float x) {
  const N v = splat_native(x);
  return by_parts<V>([v](int) { return v; });
}
ONEBIT_INLINE VI splat(int32_t x) {
  const NI v = x - NI{};
  return by_parts<VI>([v](int) { return v; });
}
constexpr int32_t kLaneNumbers[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

template <typename E>
ONEBIT_INLINE Lanes<E> operator+(Lanes<E> a, Lanes<E> b) {
  return by_parts<Lanes<E>>([&](int i) { return a.part[i] + b.part[i]; });
}
template <typename E>
ONEBIT_INLINE Lanes<E> operator+(Lanes<E> a, E b) {
  return by_parts<Lanes<E>>([&](int i) { return a.part[i] + b; });
}
ONEBIT_INLINE V operator-(V a) {
  return by_parts<V>([&](int i) { return -a.part[i]; });
}
ONEBIT_INLINE V operator-(V a, V b) {
  return by_parts<V>([&](int i) { return a.part[i] - b.part[i]; });
}
ONEBIT_INLINE V operator*(V a, V b) {
  return by_parts<V>([&](int i) { return a.part[i] * b.part[i]; });
}
ONEBIT_INLINE V operator*(V a, float b) {
  return by_parts<V>([&](int i) { return a.part[i] * b; });
}
ONEBIT_INLINE V operator/(V a, V b) {
  return by_parts<V>([&](int i) { return a.part[i] / b.part[i]; });
}

// All bits of a lane, or none.
template <typename E>
ONEBIT_INLINE VI operator>(Lanes<E> a, Lanes<E> b) {
  return by_parts<VI>([&](int i) { return a.part[i] > b.part[i]; });
}
ONEBIT_INLINE VI operator>=(V a, V b) {
  return by_parts<VI>([&](int i) { return a.part[i] >= b.part[i]; });
}
ONEBIT_INLINE VI operator|(VI a, VI b) {
  return by_parts<VI>([&](int i) { return a.part[i] | b.part[i]; });
}
ONEBIT_INLINE VI operator<<(VI a, int bits) {
  return by_parts<VI>([&](int i) { return a.part[i] << bits; });
}
ONEBIT_INLINE V select(VI mask, V a, V b) {
  return by_parts<V>([&](int i) { return mask.part[i] ? a.part[i] : b.part[i]; });
}
ONEBIT_INLINE V max_v(V a, V b) {  // b where a is not a number
  return by_parts<V>([&](int i) { return a.part[i] > b.part[i] ? a.part[i] : b.part[i]; });
}
ONEBIT_INLINE V min_v(V a, V b) {
  return by_parts<V>([&](int i) { return a.part[i] < b.part[i] ? a.part[i] : b.part[i]; });
}

// a * b + c, rounded once.
ONEBIT_INLINE V fma_v(V a, V b, V c) {
  return by_parts<V>([&](int i) { return fma_native(a.part[i], b.part[i], c.part[i]); });
}

ONEBIT_INLINE V to_float(VI v) {
  return by_parts<V>([&](int i) { return __builtin_convertvector(v.part[i], N); });
}
ONEBIT_INLINE VI to_int(V v) {  // towards zero
  return by_parts<VI>([&](int i) { return __builtin_convertvector(v.part[i], NI); });
}
ONEBIT_INLINE V bits_as_float(VI bits) {
  return by_parts<V>([&](int i) {
    N v;
    memcpy(&v, &bits.part[i], sizeof v);
    return v;
  });
}

// Copies go part by part: GCC 12 moves a whole struct through memory in pieces of other widths.
ONEBIT_INLINE V load(const float* p) {
  return by_parts<V>([&](int i) { return load_native(p + i * kNative); });
}
ONEBIT_INLINE VI load(const int32_t* p) {
  return by_parts<VI>([&](int i) {
    NI v;
    memcpy(&v, p + i * kNative, sizeof v);
    return v;
  });
}
ONEBIT_INLINE void store(float* p, V v) {
  for (int64_t i = 0; i < kLaneParts; ++i) store_native(p + i * kNative, v.part[i]);
}
// The first n < 16 values, then +0.
ONEBIT_INLINE V load_partial(const float* p, int64_t n) {
  float padded[kLanes] = {};
  memcpy(padded, p, static_cast<size_t>(n) * sizeof *p);
  return load(padded);
}
ONEBIT_INLINE void store_partial(float* p, V v, int64_t n) {
  float padded[kLanes];
  store(padded, v);
  memcpy(p, padded, static_cast<size_t>(n) * sizeof *p);
}

// f32, f16 or int8 as f32.
template <typename E>
ONEBIT_INLINE V load_wide(const E* p) {
  return by_parts<V>([&](int i) { return widen(p + i * kNative); });
}
ONEBIT_INLINE void store_f16(uint16_t* p, V v) {
  for (int64_t i = 0; i < kLaneParts; ++i) {
    const NH h = to_f16(v.part[i]);
    memcpy(p + i * kNative, &h, sizeof h);
  }
}
// The low bytes; lanes are in -128 .. 127.
ONEBIT_INLINE void store_i8(int8_t* p, VI v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v.part[0])));
#elif defined(__AVX2__)
  const auto half = [&](int i) {  // of a part: 4 + 4 words
    const auto part = reinterpret_cast<__m256i>(v.part[i]);
    return _mm_packs_epi32(_mm256_castsi256_si128(part), _mm256_extracti128_si256(part, 1));
  };
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half(0), half(1)));
#else
  for (int64_t i = 0; i < kLaneParts; ++i) {
    const NB b = __builtin_convertvector(v.part[i], NB);
    memcpy(p + i * kNative, &b, sizeof b);
  }
#endif
}

// Lane l with l + 8, then + 4, + 2, + 1.
template <typename E, typename F>
ONEBIT_INLINE E reduce(Lanes<E> v, F f) {
  typedef E E8 __attribute__((vector_size(32)));
  typedef E E4 __attribute__((vector_size(16)));
  E4 a;
  if constexpr (kLaneParts == 4) {
    a = f(f(v.part[0], v.part[2]), f(v.part[1], v.part[3]));
  } else {
    E8 b;
    if constexpr (kLaneParts == 2) {
      b = f(v.part[0], v.part[1]);
    } else {
      b = f(__builtin_shufflevector(v.part[0], v.part[0], 0, 1, 2, 3, 4, 5, 6, 7),
            __builtin_shufflevector(v.part[0], v.part[0], 8, 9, 10, 11, 12, 13, 14, 15));
    }
    a = f(__builtin_shufflevector(b, b, 0, 1, 2, 3), __builtin_shufflevector(b, b, 4, 5, 6, 7));
  }
  return f(f(a[0], a[2]), f(a[1], a[3]));
}
ONEBIT_INLINE float reduce_add(V v) {
  return reduce(v, [](auto a, auto b) { return a + b; });
}
ONEBIT_INLINE int32_t reduce_add(VI v) {
  return reduce(v, [](auto a, auto b) { return a + b; });
}
ONEBIT_INLINE float reduce_max(V v) {
  return reduce(v, [](auto a, auto b) { return a > b ? a : b; });
}

// Bit l of a mask's lane l.
ONEBIT_INLINE int32_t bits_of(VI mask) {
  constexpr int32_t kBits[kLanes] = {1,       1 << 1,  1 << 2,  1 << 3, 1 << 4,  1 << 5,
                                     1 << 6,  1 << 7,  1 << 8,  1 << 9, 1 << 10, 1 << 11,
                                     1 << 12, 1 << 13, 1 << 14, 1 << 15};
  const VI bits = load(kBits);
  return reduce_add(by_parts<VI>([&](int i) { return mask.part[i] & bits.part[i]; }));
}

}  // namespace
}  // namespace onebit
