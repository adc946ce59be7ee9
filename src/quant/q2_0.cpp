// Q2_0: ternary, an f16 scale and 64 weights in 18 bytes. docs/formats/q2_0.md.
#include "quant/block_format.h"

namespace onebit {
namespace {

// Weights in order, four to a byte, the first in the lowest bits.
struct Q2_0 {
  static constexpr const char* kName = "Q2_0";
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kBlock = 64;
  static constexpr int64_t kBytes = 18;
  static constexpr int64_t kScaleAt = 0;
  static constexpr int64_t kCodesAt = 2;

  static void unpack(const uint8_t* block, int8_t* codes) {
    for (int j = 0; j < kBlock; ++j) {
      codes[j] = static_cast<int8_t>((block[kCodesAt + j / 4] >> (2 * (j % 4)) & 3) - 1);
    }
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    for (int b = 0; b < kBlock / 4; ++b) {
      int byte = 0;
      for (int l = 0; l < 4; ++l) byte |= (codes[4 * b + l] + 1) << (2 * l);
      block[kCodesAt + b] = static_cast<uint8_t>(byte);
    }
  }
};

}  // namespace

constinit const Format q2_0_format = block_format<Q2_0>(kQ2_0);

}  // namespace onebit
