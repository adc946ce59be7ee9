#include <immintrin.h>

#include "bench/peak.h"
#include "kernels/cpu_features.h"

namespace onebit {
namespace {

// 16 independent accumulators hide the latency on any CPU.
__attribute__((target("avx512f"))) void multiply_adds(int64_t instructions) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) sums[j] = _mm512_set1_ps(1);
  const __m512 x = _mm512_set1_ps(0.5f);
  for (int64_t i = 0; i < instructions; i += 16) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) {
      sums[j] = _mm512_fmadd_ps(sums[j], x, x);
      asm volatile("" : "+v"(sums[j]));  // unknown to the compiler, so it cannot share or hoist
    }
  }
}

}  // namespace

int64_t run_f32_peak(int64_t instructions) {
  if (!decide_tiers(read_cpu_registers()).avx512) return 0;
  multiply_adds(instructions);
  return (instructions + 15) / 16 * 16 * 16;
}

}  // namespace onebit
