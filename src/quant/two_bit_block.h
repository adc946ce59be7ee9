// The layout shared by Q2_0, PQ2_0 and the older Q2_0 of 128: an f16 scale, then 2-bit codes in
// order, four to a byte, the first in the lowest bits. For block_format.h; a format adds its name.
#pragma once

#include <cstdint>

#include "quant/code_matrix.h"

namespace onebit {

template <int64_t kWeights>
struct TwoBitBlock {
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kBlock = kWeights;
  static constexpr int64_t kScaleAt = 0;
  static constexpr int64_t kCodesAt = 2;
  static constexpr int64_t kBytes = kCodesAt + kBlock / 4;

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

}  // namespace onebit
