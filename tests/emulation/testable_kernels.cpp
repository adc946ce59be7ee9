#include <algorithm>
#include <string>
#include <vector>

#include "base/sanitized.h"
#include "emulation/emulation.h"
#include "kernels/cpu_features.h"
#include "kernels/dispatch.h"

namespace onebit {

std::span<const Kernels* const> testable_kernels() {
  static const auto list = [] {
    constexpr uint32_t kAmxTile = 1u << 24;
    const CpuRegisters registers = read_cpu_registers();
    CpuTiers tiers = decide_tiers(registers);
    if (emulate_missing_instructions()) {
      // The emulator does not add AVX-512 to a CPU. Nor tiles where only Linux refuses them: then
      // the CPU would execute some of their instructions.
      if ((registers.leaf7_edx & kAmxTile) == 0) tiers.amx = tiers.avx512;
      tiers.avxvnni = tiers.avx2;
    }
    return kernels_for(tiers);
  }();
  return list;
}

std::span<const Kernels* const> quick_kernels() {
  static const auto list = [] {
    std::vector<const Kernels*> quick;
    constexpr bool kTilesAreQuick = !kIsSanitized;  // where all is slower, signals are slowest
    for (const Kernels* kernels : testable_kernels()) {
      const bool tiles = std::string(kernels->isa) == "amx";
      if (!is_emulated(*kernels) || (kTilesAreQuick && tiles)) quick.push_back(kernels);
    }
    return quick;
  }();
  return list;
}

bool is_emulated(const Kernels& kernels) {
  const auto usable = usable_kernels();
  return std::find(usable.begin(), usable.end(), &kernels) == usable.end();
}

}  // namespace onebit
