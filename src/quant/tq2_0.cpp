// TQ2_0: ternary, 256 weights and an f16 scale in 66 bytes. docs/formats/tq2_0.md.
#include "quant/block_format.h"

namespace onebit {
namespace {

// Two halves of 128 weights in 32 bytes each. Bit pair l of byte m of half h is weight
// 128h + 32l + m: one load gives 32 neighbours, a shift and a mask the next 32.
struct Tq2_0 {
  static constexpr const char* kName = "TQ2_0";
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kBlock = 256;
  static constexpr int64_t kBytes = 66;
  static constexpr int64_t kScaleAt = 64;

  static void unpack(const uint8_t* block, int8_t* codes) {
    for (int h = 0; h < 2; ++h) {
      for (int l = 0; l < 4; ++l) {
        for (int m = 0; m < 32; ++m) {
          codes[128 * h + 32 * l + m] = static_cast<int8_t>((block[32 * h + m] >> (2 * l) & 3) - 1);
        }
      }
    }
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    for (int h = 0; h < 2; ++h) {
      for (int m = 0; m < 32; ++m) {
        int byte = 0;
        for (int l = 0; l < 4; ++l) byte |= (codes[128 * h + 32 * l + m] + 1) << (2 * l);
        block[32 * h + m] = static_cast<uint8_t>(byte);
      }
    }
  }
};

}  // namespace

constinit const Format tq2_0_format = block_format<Tq2_0>(kTQ2_0);

}  // namespace onebit
