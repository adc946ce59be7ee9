// Int8 activations times ternary (kBits = 2) or binary (kBits = 1) panels: the reference.
//
// Follows the definition of kTernaryI8 and kBinaryI8 in kernel.h: plane p of byte j of lane r is
// row r, column 4p + j, and 8 / kBits planes make a step. |out| <= 128 * kMaxColumns = 2^25.

#include <stdint.h>

#include "kernels/kernel.h"

namespace onebit {
namespace {

template <int kBits>
void planes_i8(const PanelArgs& args) noexcept {
  constexpr int kMask = (1 << kBits) - 1;
  constexpr int kStep = 4 * (8 / kBits);
  const uint8_t* step = args.panel;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = args.group < args.cols - begin ? begin + args.group : args.cols;
    for (int64_t i = 0; i < args.n_tokens * kPanelRows; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kStep, step += 64) {
      for (int64_t m = 0; m < args.n_tokens; ++m) {
        const auto* a = reinterpret_cast<const int8_t*>(args.acts) + m * args.act_stride + c;
        for (int64_t r = 0; r < kPanelRows; ++r) {
          for (int i = 0; i < kStep; ++i) {
            const int code = step[4 * r + i % 4] >> (kBits * (i / 4)) & kMask;
            const int weight = kBits == 2 ? code - 1 : 2 * code - 1;
            out[m * kPanelRows + r] += weight * a[i];
          }
        }
      }
    }
    out += args.n_tokens * kPanelRows;
  }
}

void ternary_i8(const PanelArgs& args) noexcept {
  planes_i8<2>(args);
}
void binary_i8(const PanelArgs& args) noexcept {
  planes_i8<1>(args);
}

}  // namespace
}  // namespace onebit
