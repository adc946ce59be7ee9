#include "engine/steps/state.h"

namespace onebit {
namespace {

// Blocks that running jobs will take until they have read all their tokens.
int64_t promised_blocks(const SchedulerState& state) {
  int64_t blocks = 0;
  for (const Job& job : state.running) blocks += job.blocks_to_come();
  return blocks;
}

// Whether the job, which holds what the prefix cache has of it, can read its tokens without anyone
// having to go, and all can write a block each.
bool has_room(const SchedulerState& state, const Job& job) {
  const int64_t wanted = job.blocks_to_come() + promised_blocks(state) + std::ssize(state.running);
  const int64_t free = state.engine.kv_pool().n_available();
  return wanted <= free || wanted <= free + state.cache.n_evictable();
}

// Gives the job at the front its sequence, unless it has to wait. Alone it has room: submit() has
// seen to that.
void admit(SchedulerState& state, Job& job) {
  job.sequence.emplace(state.engine);
  job.kept_blocks = 0;
  const int64_t cached = adopt_prefix(state, job);
  if (!state.running.empty() && !has_room(state, job)) {
    job.sequence.reset();
    return;
  }
  count_cached(state, job, cached);
  if (!job.admitted) job.admitted = SchedulerClock::now();
  job.served_step = state.stats.steps;  // as if just served: newcomers do not push in
}

}  // namespace

void admit_requests(SchedulerState& state) {
  while (!state.waiting.empty() && std::ssize(state.running) < state.options.max_running) {
    Job& job = state.waiting.front();
    // The cached blocks are not counted again while that cannot help.
    if (job.id == state.refused && !state.has_new_room) return;
    guard(state, job, [&] { admit(state, job); });
    if (job.is_finished) {
      sweep(state);
    } else if (job.sequence) {
      state.running.splice(state.running.end(), state.waiting, state.waiting.begin());
    } else {
      state.refused = job.id;
      state.has_new_room = false;
      return;
    }
  }
}

}  // namespace onebit
