// AMX-TILE and AMX-INT8 in software. Intel SDM vol. 1 ch. 18, vol. 2 (ldtilecfg and others).
#pragma once

#include "emulation/vex_instruction.h"

namespace onebit {

// Executes the instruction on the calling thread's tiles; false if it is not one of AMX. Where the
// CPU would raise an exception (a bad configuration, a tile beyond it, shapes that do not match) it
// prints the instruction and the reason, and aborts: such code must not reach a CPU with AMX.
bool execute_amx(const VexInstruction& instruction);

}  // namespace onebit
