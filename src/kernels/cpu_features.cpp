#include "kernels/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace onebit {
namespace {

constexpr uint32_t bit(int n) {
  return uint32_t{1} << n;
}

// CPUID leaf 1, ecx
constexpr uint32_t kFma = bit(12);
constexpr uint32_t kPopcnt = bit(23);
constexpr uint32_t kOsxsave = bit(27);  // XGETBV exists and the OS uses it
constexpr uint32_t kAvx = bit(28);
constexpr uint32_t kF16c = bit(29);
// CPUID leaf 7, ebx
constexpr uint32_t kAvx2 = bit(5);
constexpr uint32_t kAvx512F = bit(16);
constexpr uint32_t kAvx512Dq = bit(17);
constexpr uint32_t kAvx512Bw = bit(30);
constexpr uint32_t kAvx512Vl = bit(31);
// CPUID leaf 7, ecx
constexpr uint32_t kAvx512Vbmi = bit(1);
constexpr uint32_t kAvx512Vnni = bit(11);
constexpr uint32_t kAvx512Bitalg = bit(12);
constexpr uint32_t kAvx512Vpopcntdq = bit(14);
// CPUID leaf 7, edx
constexpr uint32_t kAmxTile = bit(24);
constexpr uint32_t kAmxInt8 = bit(25);
// CPUID leaf 7, subleaf 1, eax
constexpr uint32_t kAvxVnni = bit(4);
// XCR0
constexpr uint64_t kYmmState = bit(1) | bit(2);           // SSE, upper halves of ymm
constexpr uint64_t kZmmState = bit(5) | bit(6) | bit(7);  // k0-7, upper halves of zmm, zmm16-31
constexpr uint64_t kTileState = bit(17) | bit(18);        // configuration, data
// AT_HWCAP on AArch64 (Linux arch/arm64/include/uapi/asm/hwcap.h)
constexpr uint64_t kHwcapAsimd = bit(1);
constexpr uint64_t kHwcapAsimdDp = bit(20);
constexpr uint64_t kHwcap2I8mm = bit(13);  // AT_HWCAP2

constexpr bool has_all(uint64_t value, uint64_t bits) {
  return (value & bits) == bits;
}

}  // namespace

CpuTiers decide_tiers(const CpuRegisters& r) {
  CpuTiers tiers;
  tiers.avx2 = has_all(r.leaf1_ecx, kOsxsave | kAvx | kFma | kF16c | kPopcnt) &&
               has_all(r.leaf7_ebx, kAvx2) && has_all(r.xcr0, kYmmState);
  tiers.avxvnni = tiers.avx2 && has_all(r.leaf7_1_eax, kAvxVnni);
  tiers.avx512 = tiers.avx2 && has_all(r.xcr0, kZmmState) &&
                 has_all(r.leaf7_ebx, kAvx512F | kAvx512Bw | kAvx512Dq | kAvx512Vl) &&
                 has_all(r.leaf7_ecx, kAvx512Vbmi | kAvx512Vnni | kAvx512Bitalg | kAvx512Vpopcntdq);
  tiers.amx = tiers.avx512 && has_all(r.leaf7_edx, kAmxTile | kAmxInt8) &&
              has_all(r.xcr0, kTileState) && r.may_use_tiles;
  tiers.neon = has_all(r.aarch64_hwcap, kHwcapAsimd);
  tiers.neon_dotprod = has_all(r.aarch64_hwcap, kHwcapAsimd | kHwcapAsimdDp);
  tiers.neon_i8mm = tiers.neon_dotprod && has_all(r.aarch64_hwcap2, kHwcap2I8mm);
  return tiers;
}

#if defined(__x86_64__)

namespace {

// Tiles are 8 KiB more for Linux to save, so it wants to be asked (Documentation/arch/x86/
// xstate.rst); it says no where a thread has a signal stack too small for them.
bool ask_for_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace

CpuRegisters read_cpu_registers() {
  CpuRegisters r;
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) r.leaf1_ecx = ecx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    r.leaf7_ebx = ebx;
    r.leaf7_ecx = ecx;
    r.leaf7_edx = edx;
    const bool has_subleaf1 = eax >= 1;
    if (has_subleaf1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) r.leaf7_1_eax = eax;
  }
  if (has_all(r.leaf1_ecx, kOsxsave)) {
    // XGETBV as text: the intrinsic would need this file compiled with -mxsave.
    uint32_t low = 0;
    uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    r.xcr0 = uint64_t{high} << 32 | low;
  }
  if (has_all(r.leaf7_edx, kAmxTile) && has_all(r.xcr0, kTileState)) {
    r.may_use_tiles = ask_for_tiles();
  }
  return r;
}

#elif defined(__aarch64__)

CpuRegisters read_cpu_registers() {
  CpuRegisters r;
  r.aarch64_hwcap = getauxval(AT_HWCAP);
  r.aarch64_hwcap2 = getauxval(AT_HWCAP2);
  return r;
}

#else

CpuRegisters read_cpu_registers() {
  return {};
}

#endif

}  // namespace onebit
