// The CPU's own vector, for loops whose lanes never meet: there 16 lanes may be walked in parts of
// any width with the same bits, and the compiler keeps arrays of native vectors in registers (a V
// of 64 bytes lives in memory where registers are smaller).

#pragma once

#include "kernels/half.inl"

namespace onebit {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kNative = 16;
constexpr int64_t kAccumulators = 16;  // that fit in registers beside their operands
#elif defined(__FMA__)
constexpr int64_t kNative = 8;
constexpr int64_t kAccumulators = 8;
#elif defined(__aarch64__)
constexpr int64_t kNative = 4;
constexpr int64_t kAccumulators = 16;
#else
constexpr int64_t kNative = kLanes;
constexpr int64_t kAccumulators = 1;
#endif
typedef float N __attribute__((vector_size(4 * kNative)));

ONEBIT_INLINE N load_native(const float* p) {
  N v;
  memcpy(&v, p, sizeof v);
  return v;
}

ONEBIT_INLINE N splat_native(float x) {
  return x - N{};
}

ONEBIT_INLINE void store_native(float* p, N v) {
  memcpy(p, &v, sizeof v);
}

ONEBIT_INLINE N fma_native(N a, N b, N c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return fma_v(a, b, c);
#endif
}

// kNative f32, f16 or int8 as f32.
ONEBIT_INLINE N widen(const float* p) {
  return load_native(p);
}

ONEBIT_INLINE N widen(const uint16_t* p) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__FMA__)
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__aarch64__)
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
#else
  VH h;
  memcpy(&h, p, sizeof h);
  return from_f16(h);
#endif
}

ONEBIT_INLINE N widen(const int8_t* p) {
#if defined(__AVX512F__)
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q));
#elif defined(__FMA__)
  const __m128i q = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
#else
  typedef int8_t Codes __attribute__((vector_size(kNative)));
  Codes q;
  memcpy(&q, p, sizeof q);
  return __builtin_convertvector(q, N);
#endif
}

}  // namespace
}  // namespace onebit
