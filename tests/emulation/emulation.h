// Lets tests run the machine code of AMX and AVX-VNNI kernels on x86-64 CPUs that lack these
// instructions: a handler of SIGILL executes each in software, at microseconds apiece. Instructions
// that the CPU has run on the CPU.
//
// Not under an emulator of another architecture; under AddressSanitizer it works, and the memory
// that tiles are loaded from is checked.
#pragma once

#include <span>

#include "kernels/kernel.h"

namespace onebit {

// usable_kernels(), and those that the emulator makes usable, best first. Installs the handler.
std::span<const Kernels* const> testable_kernels();

// Not on the CPU: an instruction takes microseconds.
bool is_emulated(const Kernels& kernels);

// Those of them that can be tested on any size: native ones, and emulated ones if an instruction
// does as much as AMX's.
std::span<const Kernels* const> quick_kernels();

// Installs the handler, once for the process; false on architectures that it does not know. Other
// illegal instructions go to the handler that was there before.
bool emulate_missing_instructions();

}  // namespace onebit
