// AVX-VNNI in software: the dot products of AVX-512 VNNI with a VEX prefix. Intel SDM vol. 2.
#pragma once

#include <ucontext.h>

#include "emulation/vex_instruction.h"

namespace onebit {

// Executes vpdpbusd, vpdpbusds, vpdpwssd and vpdpwssds on the vector registers that the signal
// frame holds; false if it is another instruction.
bool execute_avx_vnni(const VexInstruction& instruction, ucontext_t& context);

}  // namespace onebit
