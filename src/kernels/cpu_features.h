// What the CPU and the operating system offer, as tiers: clusters of features that kernels use
// together, not single feature bits.
#pragma once

#include <cstdint>

namespace onebit {

struct CpuTiers {
  bool scalar = true;
  bool avx2 = false;          // AVX2, FMA, F16C, POPCNT
  bool avxvnni = false;       // the above and AVX-VNNI
  bool avx512 = false;        // avx2 and AVX-512 F, BW, DQ, VL, VNNI, VBMI, VPOPCNTDQ, BITALG
  bool amx = false;           // the above and AMX-TILE, AMX-INT8
  bool neon = false;          // Advanced SIMD
  bool neon_dotprod = false;  // the above and SDOT
  bool neon_i8mm = false;     // the above and SMMLA
};

// The raw registers that the decision needs. All zero where an instruction does not exist.
struct CpuRegisters {
  uint32_t leaf1_ecx = 0;  // CPUID leaf 1
  uint32_t leaf7_ebx = 0;  // CPUID leaf 7, subleaf 0
  uint32_t leaf7_ecx = 0;
  uint32_t leaf7_edx = 0;
  uint32_t leaf7_1_eax = 0;    // CPUID leaf 7, subleaf 1
  uint64_t xcr0 = 0;           // register state that the operating system saves on a context switch
  bool may_use_tiles = false;  // Linux lets this process use the AMX registers: it must be asked
  uint64_t aarch64_hwcap = 0;  // AT_HWCAP: what both CPU and Linux support
  uint64_t aarch64_hwcap2 = 0;  // AT_HWCAP2
};

// On a CPU with AMX this asks Linux for the use of its registers (arch_prctl): 8 KiB more in the
// signal frames of this process from then on.
CpuRegisters read_cpu_registers();

// A tier needs its CPU features and its registers saved by the operating system: without the
// latter AVX code dies with SIGILL, or worse, loses registers. Intel SDM vol. 1, 14.3 and 15.2.
CpuTiers decide_tiers(const CpuRegisters& registers);

}  // namespace onebit

// ONEBIT_X86_64(text) is text in builds for x86-64 and nothing elsewhere; ONEBIT_AARCH64 likewise.
#if defined(__x86_64__)
#define ONEBIT_X86_64(...) __VA_ARGS__
#else
#define ONEBIT_X86_64(...)
#endif
#if defined(__aarch64__)
#define ONEBIT_AARCH64(...) __VA_ARGS__
#else
#define ONEBIT_AARCH64(...)
#endif
