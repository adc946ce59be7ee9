#include "engine/steps/state.h"

namespace onebit {
namespace {

// Blocks that running jobs will take until they have read all their tokens.
int64_t promised_blocks(const SchedulerState& state) {
  int64_t blocks = 0;
  for (const auto& job : state.running) blocks += job->blocks_to_come();
  return blocks;
}

// Whether the job, which holds what the prefix cache has of it, can read its tokens without anyone
// having to go, and all can write a block each.
bool has_room(const SchedulerState& state, const Job& job) {
  const int64_t wanted = job.blocks_to_come() + promised_blocks(state) + std::ssize(state.running);
  const int64_t free = state.engine.kv_pool().n_available();
  return wanted <= free || wanted <= free + state.cache.n_evictable();
}

}  // namespace

void admit_requests(SchedulerState& state) {
  while (!state.waiting.empty() && std::ssize(state.running) < state.options.max_running) {
    Job& job = *state.waiting.front();
    job.sequence.emplace(state.engine);
    const int64_t cached = adopt_prefix(state, job);
    // Alone it has room: submit() has seen to that.
    if (!state.running.empty() && !has_room(state, job)) {
      job.sequence.reset();
      return;
    }
    count_cached(state, job, cached);
    if (!job.admitted) job.admitted = SchedulerClock::now();
    job.served_step = state.stats.steps;  // as if just served: newcomers do not push in
    state.running.push_back(std::move(state.waiting.front()));
    state.waiting.pop_front();
  }
}

}  // namespace onebit
