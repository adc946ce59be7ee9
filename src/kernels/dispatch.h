// Which kernels this process uses.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/kernel.h"

namespace onebit {

// Instruction sets compiled into this build, best first ("scalar" is last and always there).
std::span<const Kernels* const> compiled_kernels();

// Those of them that a machine of these tiers can run, best first.
std::vector<const Kernels*> kernels_for(const CpuTiers& tiers);

// Those of them that this CPU and operating system can run, best first.
std::span<const Kernels* const> usable_kernels();

// The kernels called `isa`. Throws Error(kInvalidArgument) that lists the usable names if it is
// unknown or not usable here.
const Kernels& find_kernels(std::string_view isa);

// The kernels named by the environment variable ONEBIT_ISA, else the best usable. Decided once per
// process. Throws as find_kernels.
const Kernels& default_kernels();

}  // namespace onebit
