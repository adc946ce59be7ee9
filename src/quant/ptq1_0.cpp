// PTQ1_0: ternary, 128 weights and an f16 scale in 28 bytes. docs/formats/ptq1_0.md.
#include "quant/block_format.h"
#include "quant/trits.h"

namespace onebit {
namespace {

// TQ1_0 for half as many weights: 24 bytes of five trits in stages of 16 and 8, then 2 of four.
struct Ptq1_0 {
  static constexpr const char* kName = "PTQ1_0";
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kBlock = 128;
  static constexpr int64_t kBytes = 28;
  static constexpr int64_t kScaleAt = 26;

  static void unpack(const uint8_t* block, int8_t* codes) {
    unpack_trit_stage(block, 16, 5, codes);
    unpack_trit_stage(block + 16, 8, 5, codes + 80);
    unpack_trit_stage(block + 24, 2, 4, codes + 120);
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    pack_trit_stage(codes, 16, 5, block);
    pack_trit_stage(codes + 80, 8, 5, block + 16);
    pack_trit_stage(codes + 120, 2, 4, block + 24);
  }
};

}  // namespace

constinit const Format ptq1_0_format = block_format<Ptq1_0>(kPTQ1_0);

}  // namespace onebit
