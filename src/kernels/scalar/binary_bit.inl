// 1-bit activations times binary panels: the reference.
//
// A product is +1 where the bits of weight and activation agree and -1 where they differ, so n
// columns give n - 2 * differences. Padding bits are 0 on both sides and never differ; act_sums
// holds the n without padding. |out| <= kMaxColumns = 2^18.

#include <stdint.h>

#include "kernels/kernel.h"

namespace onebit {
namespace {

void binary_bit(const PanelArgs& args) noexcept {
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  int32_t* out = args.out;
  for (int64_t g = 0, begin = 0, end = 0; g < n_groups; ++g, begin = end) {
    end = args.group < args.cols - begin ? begin + args.group : args.cols;
    for (int64_t m = 0; m < args.n_tokens; ++m) {
      const uint8_t* acts = args.acts + m * args.act_stride;
      for (int64_t r = 0; r < kPanelRows; ++r) {
        int32_t differ = 0;
        for (int64_t byte = begin / 8; byte < end / 8; ++byte) {
          const int weights = args.panel[(byte / 8 * kPanelRows + r) * 8 + byte % 8];
          differ += __builtin_popcount(static_cast<unsigned>(weights ^ acts[byte]));
        }
        *out++ = args.act_sums[m * n_groups + g] - 2 * differ;
      }
    }
  }
}

}  // namespace
}  // namespace onebit
