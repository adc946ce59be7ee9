#include "train/schedule.h"

#include <algorithm>
#include <cmath>

namespace onebit {

double Schedule::lr(int64_t step) const {
  if (step < warmup_steps) {
    return peak_lr * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  }
  const auto length = static_cast<double>(std::max<int64_t>(1, steps - warmup_steps));
  const double t = std::min(1.0, static_cast<double>(step - warmup_steps) / length);
  switch (kind) {
    case ScheduleKind::kTwoStage:
      return t < 0.5 ? peak_lr * (1 - t / 1.5) : peak_lr * (1 - t);
    case ScheduleKind::kCosine:
      return peak_lr * (min_lr_fraction +
                        (1 - min_lr_fraction) * 0.5 * (1 + std::cos(3.14159265358979323846 * t)));
    case ScheduleKind::kConstant:
      return peak_lr;
  }
  return peak_lr;
}

double Schedule::decay(int64_t step) const {
  return kind == ScheduleKind::kTwoStage && 2 * step >= steps ? 0 : weight_decay;
}

}  // namespace onebit
