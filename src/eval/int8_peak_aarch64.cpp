#include <arm_neon.h>

#include "eval/int8_peak.h"
#include "kernels/cpu_features.h"

namespace onebit {
namespace {

// Enough independent accumulators to hide the latency of a dot product on any CPU. The empty asm
// makes each sum unknown to the compiler, so that it can neither share nor hoist the work.

__attribute__((target("arch=armv8.2-a+i8mm"))) int64_t run_i8mm(int64_t n) {
  constexpr int64_t kMacs = 16 * 32;
  int32x4_t sums[16];
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) sums[j] = vdupq_n_s32(j);
  const int8x16_t codes = vdupq_n_s8(1);
  const int8x16_t acts = vdupq_n_s8(2);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) {
      sums[j] = vmmlaq_s32(sums[j], codes, acts);
      asm volatile("" : "+w"(sums[j]));
    }
  }
  return done;
}

__attribute__((target("arch=armv8.2-a+dotprod"))) int64_t run_dotprod(int64_t n) {
  constexpr int64_t kMacs = 16 * 16;
  int32x4_t sums[16];
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) sums[j] = vdupq_n_s32(j);
  const int8x16_t codes = vdupq_n_s8(1);
  const int8x16_t acts = vdupq_n_s8(2);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) {
      sums[j] = vdotq_s32(sums[j], codes, acts);
      asm volatile("" : "+w"(sums[j]));
    }
  }
  return done;
}

// Without SDOT: two products in int16, then pairs of them into int32.
int64_t run_neon(int64_t n) {
  constexpr int64_t kMacs = 8 * 16;
  int32x4_t sums[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) sums[j] = vdupq_n_s32(j);
  const int8x16_t codes = vdupq_n_s8(1);
  int8x16_t acts = vdupq_n_s8(2);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      asm volatile("" : "+w"(acts));
      const int16x8_t low = vmull_s8(vget_low_s8(codes), vget_low_s8(acts));
      sums[j] = vpadalq_s16(sums[j], vmlal_high_s8(low, codes, acts));
      asm volatile("" : "+w"(sums[j]));
    }
  }
  return done;
}

bool has_i8mm() {
  return decide_tiers(read_cpu_registers()).neon_i8mm;
}

bool has_dotprod() {
  return decide_tiers(read_cpu_registers()).neon_dotprod;
}

bool has_neon() {
  return decide_tiers(read_cpu_registers()).neon;
}

constexpr Int8Loop kLoops[] = {
    {"neon-i8mm", "smmla", has_i8mm, run_i8mm},
    {"neon-dotprod", "sdot", has_dotprod, run_dotprod},
    {"neon", "smull, smlal2, sadalp", has_neon, run_neon},
};

}  // namespace

std::span<const Int8Loop> int8_loops() {
  return kLoops;
}

}  // namespace onebit
