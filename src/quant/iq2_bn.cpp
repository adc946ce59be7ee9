// IQ2_BN: ternary, an f32 scale a row and 64 weights in 16 bytes. docs/formats/iq2_bn.md.
#include "quant/row_scale_format.h"

namespace onebit {
namespace {

// Bit pair l of byte m is weight 16 l + m.
struct Iq2Bn {
  static constexpr const char* kName = "IQ2_BN";
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kHeaderBytes = 4;
  static constexpr int64_t kBlock = 64;
  static constexpr int64_t kBytes = 16;

  static void unpack(const uint8_t* block, int8_t* codes) {
    for (int l = 0; l < 4; ++l) {
      for (int m = 0; m < 16; ++m) {
        codes[16 * l + m] = static_cast<int8_t>((block[m] >> (2 * l) & 3) - 1);
      }
    }
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    for (int m = 0; m < 16; ++m) {
      int byte = 0;
      for (int l = 0; l < 4; ++l) byte |= (codes[16 * l + m] + 1) << (2 * l);
      block[m] = static_cast<uint8_t>(byte);
    }
  }
};

}  // namespace

constinit const Format iq2_bn_format = RowScaleFormat<Iq2Bn>::format(kIQ2_BN);

}  // namespace onebit
