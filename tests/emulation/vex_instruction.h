// An instruction with a VEX prefix of opcode map 0F38, where AMX and AVX-VNNI live, decoded from
// the registers of a thread that stopped at it. Intel SDM vol. 2, 2.1.5 (ModRM) and 2.3 (VEX).
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace onebit {

enum class VexPrefix : uint8_t { kNone, k66, kF3, kF2 };

struct VexInstruction {
  uint8_t opcode;
  VexPrefix prefix;
  bool w;
  bool is_256;  // VEX.L
  int reg;      // ModRM.reg
  int vvvv;     // 0 where the instruction has no such operand
  int rm;       // ModRM.rm: a register, or with memory what names it
  bool has_memory;
  bool has_sib;
  uint8_t* base;  // of the memory: base register and displacement,
  int64_t index;  // and the scaled index register: rows of a tile are so far apart
  int length;     // bytes

  uint8_t* memory() const { return base + index; }
};

// False if there is something else at the instruction pointer. Prefixes before VEX (segments,
// 32-bit addresses) are such.
bool decode(const gregset_t& registers, VexInstruction* instruction);

}  // namespace onebit
