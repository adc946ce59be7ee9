#include "emulation/vex_instruction.h"

#include <cstring>

namespace onebit {
namespace {

// General registers by their number in instructions.
constexpr int kGeneral[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15};

constexpr int kNoIndex = 4;     // in SIB
constexpr int kNoBase = 5;      // in SIB, and in ModRM (there: relative to the next instruction)
constexpr int kSibFollows = 4;  // in ModRM

int bits(uint8_t byte, int first, int n) {
  return byte >> first & ((1 << n) - 1);
}

}  // namespace

bool decode(const gregset_t& registers, VexInstruction* in) {
  const auto* start = reinterpret_cast<const uint8_t*>(registers[REG_RIP]);
  const uint8_t* at = start;
  if (*at++ != 0xc4) return false;  // the shorter prefix knows only map 0F
  const uint8_t vex1 = *at++;
  if (bits(vex1, 0, 5) != 2) return false;
  const uint8_t vex2 = *at++;
  const int extend_reg = bits(vex1, 7, 1) == 0 ? 8 : 0;  // stored inverted
  const int extend_index = bits(vex1, 6, 1) == 0 ? 8 : 0;
  const int extend_base = bits(vex1, 5, 1) == 0 ? 8 : 0;
  *in = {};
  in->w = bits(vex2, 7, 1) != 0;
  in->vvvv = 15 - bits(vex2, 3, 4);
  in->is_256 = bits(vex2, 2, 1) != 0;
  in->prefix = static_cast<VexPrefix>(bits(vex2, 0, 2));
  in->opcode = *at++;

  const uint8_t modrm = *at++;
  const int mod = bits(modrm, 6, 2);
  const int rm = bits(modrm, 0, 3);
  in->reg = bits(modrm, 3, 3) + extend_reg;
  in->rm = rm + extend_base;
  in->has_memory = mod != 3;
  if (in->has_memory) {
    const auto value = [&registers](int number) { return registers[kGeneral[number]]; };
    int base = rm;
    in->has_sib = rm == kSibFollows;
    if (in->has_sib) {
      const uint8_t sib = *at++;
      base = bits(sib, 0, 3);
      const int index = bits(sib, 3, 3) + extend_index;
      if (index != kNoIndex) in->index = value(index) * (1 << bits(sib, 6, 2));
    }
    const bool no_base = mod == 0 && base == kNoBase;
    int64_t address = no_base ? 0 : value(base + extend_base);
    if (mod == 1) {
      address += static_cast<int8_t>(*at++);
    } else if (mod == 2 || no_base) {
      int32_t displacement;
      std::memcpy(&displacement, at, sizeof displacement);
      at += sizeof displacement;
      address += displacement;
    }
    if (no_base && !in->has_sib) address += reinterpret_cast<int64_t>(at);
    in->base = reinterpret_cast<uint8_t*>(address);
  }
  in->length = static_cast<int>(at - start);
  return true;
}

}  // namespace onebit
