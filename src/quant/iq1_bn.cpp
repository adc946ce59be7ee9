// IQ1_BN: ternary, an f16 scale a row and 64 weights in 13 bytes. docs/formats/iq1_bn.md.
#include "quant/row_scale_format.h"
#include "quant/trits.h"

namespace onebit {
namespace {

// Each 16 weights are three bytes of five trits and one trit of the last byte, which so holds
// weights 15, 31, 47, 63. Here a byte's first weight is its *least* significant trit: the trits of
// trits.h in reverse, from weight 4 down (the last byte has no weight 4; that trit is 0).
struct Iq1Bn {
  static constexpr const char* kName = "IQ1_BN";
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kHeaderBytes = 2;
  static constexpr int64_t kBlock = 64;
  static constexpr int64_t kBytes = 13;
  static constexpr int64_t kExtraAt = 12;

  static void unpack(const uint8_t* block, int8_t* codes) {
    int8_t extra[5];
    unpack_trits(block[kExtraAt], 5, -1, extra + 4);
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 3; ++k) unpack_trits(block[3 * i + k], 5, -1, codes + 16 * i + 5 * k + 4);
      codes[16 * i + 15] = extra[i];
    }
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    int8_t extra[5];
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 3; ++k) block[3 * i + k] = pack_trits(codes + 16 * i + 5 * k + 4, 5, -1);
      extra[i] = codes[16 * i + 15];
    }
    extra[4] = -1;  // trit 0
    block[kExtraAt] = pack_trits(extra + 4, 5, -1);
  }
};

}  // namespace

constinit const Format iq1_bn_format = RowScaleFormat<Iq1Bn>::format(kIQ1_BN);

}  // namespace onebit
