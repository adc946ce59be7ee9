#include "quant/summed_group.h"

#include "base/checked.h"
#include "quant/weights.h"

namespace onebit {

SummedGroup::SummedGroup(int64_t cols, int64_t stored)
    : cols_(cols),
      stored_(stored),
      whole_row_(cols > stored),
      by_128_(cols > stored && kScaleGroup > stored && kScaleGroup % stored == 0) {}

void SummedGroup::add(const float* scales) {
  if (settled()) return;
  const int64_t in_128 = by_128_ ? kScaleGroup / stored_ : 1;
  for (int64_t g = 0; g < ceil_div(cols_, stored_); ++g) {
    whole_row_ = whole_row_ && scales[g] == scales[0];
    by_128_ = by_128_ && scales[g] == scales[g / in_128 * in_128];
  }
}

int64_t SummedGroup::columns() const {
  return whole_row_ ? cols_ : by_128_ ? kScaleGroup : stored_;
}

}  // namespace onebit
