#include "engine/steps/state.h"

namespace onebit {

void cancel_requests(SchedulerState& state) {
  const auto cancel = [&](Job& job) {
    if (job.is_cancelled) finish(state, job, FinishReason::kCancelled);
  };
  for (Job& job : state.waiting) cancel(job);
  for (Job& job : state.running) cancel(job);
  sweep(state);
}

}  // namespace onebit
