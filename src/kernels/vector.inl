// 16 lanes of f32 on any machine: one AVX-512 register, two AVX2, four SSE or NEON ones.
//
// GCC vector extensions. A lane sees the same IEEE operations in the same order everywhere
// (-ffp-contract=off keeps a * b + c two roundings; fma_v rounds once), so every ISA returns the
// same bits. No libm but fma, which is correctly rounded and so has one answer: other functions
// pick variants by CPU.

#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace onebit {
namespace {

constexpr int64_t kLanes = 16;
typedef float V __attribute__((vector_size(64)));
typedef int32_t VI __attribute__((vector_size(64)));
typedef uint16_t VH __attribute__((vector_size(32)));
typedef int8_t VB __attribute__((vector_size(16)));
typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16)));
#define ONEBIT_INLINE static inline __attribute__((always_inline))

ONEBIT_INLINE V load(const void* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}

ONEBIT_INLINE void store(void* p, V v) {
  memcpy(p, &v, sizeof v);
}

// The first n < 16 values, then +0.
ONEBIT_INLINE V load_partial(const void* p, int64_t n) {
  V v = {};
  memcpy(&v, p, static_cast<size_t>(n) * 4);
  return v;
}

ONEBIT_INLINE void store_partial(void* p, V v, int64_t n) {
  memcpy(p, &v, static_cast<size_t>(n) * 4);
}

ONEBIT_INLINE V splat(float x) {
  return x - V{};  // x + 0 would turn -0 into +0, and is not folded
}

ONEBIT_INLINE V max_v(V a, V b) {
  return a > b ? a : b;
}

// Lane l with l + 8, then + 4, + 2, + 1.
ONEBIT_INLINE float reduce_add(V v) {
  const V8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  const V4 b =
      __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}

ONEBIT_INLINE float reduce_max(V v) {
  float m = v[0];
  for (int64_t l = 1; l < kLanes; ++l) m = v[l] > m ? v[l] : m;
  return m;
}

// a * b + c, rounded once.
ONEBIT_INLINE V fma_v(V a, V b, V c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  __m256 x[2];
  __m256 y[2];
  __m256 z[2];
  memcpy(x, &a, sizeof a);
  memcpy(y, &b, sizeof b);
  memcpy(z, &c, sizeof c);
  z[0] = _mm256_fmadd_ps(x[0], y[0], z[0]);
  z[1] = _mm256_fmadd_ps(x[1], y[1], z[1]);
  memcpy(&c, z, sizeof c);
  return c;
#elif defined(__aarch64__)
  float32x4_t x[4];
  float32x4_t y[4];
  float32x4_t z[4];
  memcpy(x, &a, sizeof a);
  memcpy(y, &b, sizeof b);
  memcpy(z, &c, sizeof c);
  for (int i = 0; i < 4; ++i) z[i] = vfmaq_f32(z[i], x[i], y[i]);
  memcpy(&c, z, sizeof c);
  return c;
#else
  for (int64_t l = 0; l < kLanes; ++l) c[l] = __builtin_fmaf(a[l], b[l], c[l]);
  return c;
#endif
}

}  // namespace
}  // namespace onebit
