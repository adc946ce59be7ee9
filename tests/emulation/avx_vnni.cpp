#include "emulation/avx_vnni.h"

#include <cpuid.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace onebit {
namespace {

// XSAVE state components (SDM vol. 1, 13.1)
constexpr int kXmm = 1;
constexpr int kYmmHigh = 2;
constexpr int kZmmHigh = 6;  // of registers 0..15

struct Component {
  int64_t offset;
  int64_t bytes;  // of a register; 0: the CPU has none
};
Component find_component(int number) {
  uint32_t size = 0;
  uint32_t offset = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
  __get_cpuid_count(0xd, static_cast<uint32_t>(number), &size, &offset, &ecx, &edx);
  return {offset, size / 16};
}
// Asked once: cpuid is slow in virtual machines.
const Component kComponents[] = {{}, {160, 16}, find_component(kYmmHigh), {},
                                 {}, {},        find_component(kZmmHigh)};

// The signal frame's XSAVE area, in the standard format. A component whose bit in XSTATE_BV is
// clear is all zeros, whatever its bytes say.
class VectorRegisters {
 public:
  explicit VectorRegisters(ucontext_t& context)
      : area_(reinterpret_cast<uint8_t*>(context.uc_mcontext.fpregs)) {}

  bool is_extended() const {  // Linux arch/x86/include/uapi/asm/sigcontext.h
    constexpr uint32_t kMagic1 = 0x46505853;
    uint32_t magic;
    std::memcpy(&magic, area_ + 464, sizeof magic);
    return magic == kMagic1;
  }

  void read(int reg, uint8_t (&bytes)[32]) const {
    read(kXmm, reg, bytes);
    read(kYmmHigh, reg, bytes + 16);
  }

  // What lies above is zeroed, as VEX instructions do.
  void write(int reg, const uint8_t (&bytes)[32]) {
    constexpr uint8_t kZeros[32] = {};
    write(kXmm, reg, bytes);
    write(kYmmHigh, reg, bytes + 16);
    write(kZmmHigh, reg, kZeros);
  }

 private:
  uint64_t in_use() const {
    uint64_t bits;
    std::memcpy(&bits, area_ + 512, sizeof bits);
    return bits;
  }

  void read(int number, int reg, uint8_t* to) const {
    const auto [offset, bytes] = kComponents[number];
    if ((in_use() >> number & 1) != 0) {
      std::memcpy(to, area_ + offset + reg * bytes, static_cast<std::size_t>(bytes));
    } else {
      std::memset(to, 0, static_cast<std::size_t>(bytes));
    }
  }

  void write(int number, int reg, const uint8_t* from) {
    const auto [offset, bytes] = kComponents[number];
    const uint64_t bit = uint64_t{1} << number;
    if ((in_use() & bit) == 0) {
      if (std::all_of(from, from + bytes, [](uint8_t byte) { return byte == 0; })) return;
      std::memset(area_ + offset, 0, static_cast<std::size_t>(16 * bytes));
      const uint64_t now = in_use() | bit;
      std::memcpy(area_ + 512, &now, sizeof now);
    }
    std::memcpy(area_ + offset + reg * bytes, from, static_cast<std::size_t>(bytes));
  }

  uint8_t* area_;
};

int32_t saturate(int64_t value) {
  return static_cast<int32_t>(std::clamp<int64_t>(value, INT32_MIN, INT32_MAX));
}

}  // namespace

bool execute_avx_vnni(const VexInstruction& in, ucontext_t& context) {
  if (in.prefix != VexPrefix::k66 || in.w || in.opcode < 0x50 || in.opcode > 0x53) return false;
  VectorRegisters registers(context);
  if (!registers.is_extended()) return false;
  const bool words = in.opcode >= 0x52;
  const bool saturates = in.opcode % 2 == 1;
  const int bytes = in.is_256 ? 32 : 16;
  uint8_t sums[32];
  uint8_t left[32];
  uint8_t right[32];
  registers.read(in.reg, sums);
  registers.read(in.vvvv, left);
  if (in.has_memory) {
    std::memcpy(right, in.memory(), static_cast<std::size_t>(bytes));
  } else {
    registers.read(in.rm, right);
  }
  for (int i = 0; i < bytes; i += 4) {
    int32_t sum;
    std::memcpy(&sum, sums + i, sizeof sum);
    int64_t total = sum;
    if (words) {
      int16_t a[2];
      int16_t b[2];
      std::memcpy(a, left + i, sizeof a);
      std::memcpy(b, right + i, sizeof b);
      for (int j = 0; j < 2; ++j) total += int64_t{a[j]} * b[j];
    } else {
      for (int j = i; j < i + 4; ++j) total += left[j] * static_cast<int8_t>(right[j]);
    }
    sum = saturates ? saturate(total) : static_cast<int32_t>(total);
    std::memcpy(sums + i, &sum, sizeof sum);
  }
  if (!in.is_256) std::memset(sums + 16, 0, 16);
  registers.write(in.reg, sums);
  return true;
}

}  // namespace onebit
