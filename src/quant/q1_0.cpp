// Q1_0: binary, an f16 scale and 128 weights in 18 bytes. docs/formats/q1_0.md.
#include "quant/block_format.h"

namespace onebit {
namespace {

// Weights in order, eight to a byte, the first in the lowest bit; 1 is +scale, 0 is -scale.
struct Q1_0 {
  static constexpr const char* kName = "Q1_0";
  static constexpr WeightClass kClass = WeightClass::kBinary;
  static constexpr int64_t kBlock = 128;
  static constexpr int64_t kBytes = 18;
  static constexpr int64_t kScaleAt = 0;
  static constexpr int64_t kCodesAt = 2;

  static void unpack(const uint8_t* block, int8_t* codes) {
    for (int j = 0; j < kBlock; ++j) {
      codes[j] = static_cast<int8_t>(2 * (block[kCodesAt + j / 8] >> (j % 8) & 1) - 1);
    }
  }

  static void pack(const int8_t* codes, uint8_t* block) {
    for (int b = 0; b < kBlock / 8; ++b) {
      int byte = 0;
      for (int l = 0; l < 8; ++l) byte |= (codes[8 * b + l] + 1) / 2 << l;
      block[kCodesAt + b] = static_cast<uint8_t>(byte);
    }
  }
};

}  // namespace

constinit const Format q1_0_format = block_format<Q1_0>(kQ1_0);

}  // namespace onebit
