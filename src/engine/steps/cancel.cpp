#include "engine/steps/state.h"

namespace onebit {

void cancel_requests(SchedulerState& state) {
  if (state.cancelled.empty()) return;
  const auto cancel = [&](const std::unique_ptr<Job>& job) {
    if (state.cancelled.contains(job->id)) finish(state, *job, FinishReason::kCancelled);
  };
  for (const auto& job : state.waiting) cancel(job);
  for (const auto& job : state.running) cancel(job);
  state.cancelled.clear();
  sweep(state);
}

}  // namespace onebit
