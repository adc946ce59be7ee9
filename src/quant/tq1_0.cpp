// TQ1_0: ternary, 256 weights and an f16 scale in 54 bytes. docs/formats/tq1_0.md.
#include "quant/block_format.h"
#include "quant/trits.h"

namespace onebit {
namespace {

// 48 bytes of five trits in stages of 32 and 16, then 4 bytes of four trits.
struct Tq1_0 {
  static constexpr const char* kName = "TQ1_0";
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kBlock = 256;
  static constexpr int64_t kBytes = 54;
  static constexpr int64_t kScaleAt = 52;

  static void unpack(const uint8_t* block, int8_t* codes) {
    unpack_trit_stage(block, 32, 5, codes);
    unpack_trit_stage(block + 32, 16, 5, codes + 160);
    unpack_trit_stage(block + 48, 4, 4, codes + 240);
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    pack_trit_stage(codes, 32, 5, block);
    pack_trit_stage(codes + 160, 16, 5, block + 32);
    pack_trit_stage(codes + 240, 4, 4, block + 48);
  }
};

}  // namespace

constinit const Format tq1_0_format = block_format<Tq1_0>(kTQ1_0);

}  // namespace onebit
