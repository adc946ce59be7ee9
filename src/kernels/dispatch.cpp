#include "kernels/dispatch.h"

#include <cstdlib>
#include <string>

#include "base/error.h"

namespace onebit {

#define ISA(table, tier) extern const Kernels table;
#include "kernels/isa.inc"
#undef ISA

namespace {

struct Isa {
  const Kernels* kernels;
  bool CpuTiers::*tier;
};

constexpr Isa kIsas[] = {
#define ISA(table, tier) {&table, &CpuTiers::tier},
#include "kernels/isa.inc"
#undef ISA
};

}  // namespace

std::span<const Kernels* const> compiled_kernels() {
  static const auto list = [] {
    std::vector<const Kernels*> all;
    for (const Isa& isa : kIsas) all.push_back(isa.kernels);
    return all;
  }();
  return list;
}

std::vector<const Kernels*> kernels_for(const CpuTiers& tiers) {
  std::vector<const Kernels*> list;
  for (const Isa& isa : kIsas) {
    if (tiers.*isa.tier) list.push_back(isa.kernels);
  }
  return list;
}

std::span<const Kernels* const> usable_kernels() {
  static const auto list = kernels_for(decide_tiers(read_cpu_registers()));
  return list;
}

const Kernels& find_kernels(std::string_view isa) {
  std::string names;
  for (const Kernels* kernels : usable_kernels()) {
    if (isa == kernels->isa) return *kernels;
    names += names.empty() ? "" : ", ";
    names += kernels->isa;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "instruction set: expected one of " + names + ", found " + quote(isa));
}

const Kernels& default_kernels() {
  static const Kernels& kernels = []() -> const Kernels& {
    const char* forced = std::getenv("ONEBIT_ISA");
    return forced == nullptr ? *usable_kernels().front() : find_kernels(forced);
  }();
  return kernels;
}

}  // namespace onebit
