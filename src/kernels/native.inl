// The CPU's own vector of f32, and the 16 lanes of vector.inl as parts of that width: GCC keeps
// them in registers, where a vector wider than the CPU's would live in memory.
//
// GCC vector extensions. A lane sees the same IEEE operations in the same order everywhere
// (-ffp-contract=off keeps a * b + c two roundings; fma rounds once), so every ISA returns the same
// bits. No libm but fma, which is correctly rounded and so has one answer: other functions pick
// variants by CPU.
//
// Loops whose lanes never meet may walk 16 lanes in parts of any width with the same bits.

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

#define ONEBIT_INLINE static inline __attribute__((always_inline))

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
constexpr int64_t kNative = 4;
constexpr int64_t kAccumulators = 1;
#endif
typedef float N __attribute__((vector_size(4 * kNative)));
typedef int32_t NI __attribute__((vector_size(4 * kNative)));
typedef uint16_t NH __attribute__((vector_size(2 * kNative)));
typedef int8_t NB __attribute__((vector_size(kNative)));

ONEBIT_INLINE N load_native(const float* p) {
  N v;
  memcpy(&v, p, sizeof v);
  return v;
}

ONEBIT_INLINE N splat_native(float x) {
  return x - N{};  // x + 0 would turn -0 into +0, and is not folded
}

ONEBIT_INLINE void store_native(float* p, N v) {
  memcpy(p, &v, sizeof v);
}

// a * b + c, rounded once.
ONEBIT_INLINE N fma_native(N a, N b, N c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  for (int64_t l = 0; l < kNative; ++l) c[l] = __builtin_fmaf(a[l], b[l], c[l]);
  return c;
#endif
}

}  // namespace
}  // namespace onebit
