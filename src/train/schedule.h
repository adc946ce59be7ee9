// Learning rate and weight decay by step.
#pragma once

#include <cstdint>

namespace onebit {

// kTwoStage (BitNet b1.58 training tips): after the warm-up, linear from the peak to 2/3 of it at
// the middle of the remaining steps, then from 1/2 of it to 0; weight decay stops at half of all
// steps. The rest keep weight decay throughout.
enum class ScheduleKind { kTwoStage, kCosine, kConstant };

struct Schedule {
  ScheduleKind kind = ScheduleKind::kTwoStage;
  int64_t steps = 0;
  int64_t warmup_steps = 0;  // linear from peak / warmup_steps
  double peak_lr = 0;
  double min_lr_fraction = 0;  // where kCosine ends, as a fraction of the peak
  double weight_decay = 0;

  double lr(int64_t step) const;  // of update number `step`, 0-based
  double decay(int64_t step) const;
};

}  // namespace onebit
