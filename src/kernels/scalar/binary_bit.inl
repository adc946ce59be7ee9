// 1-bit activations times binary tiles: the reference.
//
// A product is +1 where the bits of weight and activation agree and -1 where they differ, so n
// columns give n - 2 * differences. Padding bits are 0 on both sides and never differ.
// |dot| <= kMaxColumns = 2^18.

#include <stdint.h>

#include "kernels/matmul.inl"

namespace onebit {
namespace {

template <int kTokens>
void count_differences(const DotsArgs& args) noexcept {
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t m = 0; m < kTokens; ++m) {
      const uint8_t* acts = args.acts + m * args.act_stride;
      for (int64_t r = 0; r < 16; ++r) {
        int32_t differ = 0;
        for (int64_t byte = begin / 8; byte < end / 8; ++byte) {
          const int weights = args.tile[byte / 8 * args.step_bytes + r * 8 + byte % 8];
          differ += __builtin_popcount(static_cast<unsigned>(weights ^ acts[byte]));
        }
        *out++ = differ;
      }
    }
  }
}

constexpr Dots kBinaryBit = {
    {count_differences<1>, count_differences<2>, count_differences<3>, count_differences<4>,
     count_differences<5>, count_differences<6>, count_differences<7>, count_differences<8>},
    -2,
    0,
    1};

void binary_bit(const MatmulArgs& args) noexcept {
  multiply<Packing::kBinaryBit>(args, kBinaryBit);
}

}  // namespace
}  // namespace onebit
