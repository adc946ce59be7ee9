#include <algorithm>

#include "base/checked.h"
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

// Gives a job that waits its sequence, unless it has to wait. Alone it has room: submit() has
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
  // As if it had just read: newcomers do not push in.
  if (n_running(state, job.tenant) == 0) job.tenant->last_read = state.n_read;
}

// Of the tenants that run least the first job that waits.
std::list<Job>::iterator next_to_admit(SchedulerState& state) {
  auto next = state.waiting.begin();
  int64_t least = n_running(state, next->tenant);
  for (auto job = next; job != state.waiting.end() && least > 0; ++job) {
    if (job->tenant == next->tenant) continue;
    const int64_t n = n_running(state, job->tenant);
    if (n >= least) continue;
    least = n;
    next = job;
  }
  return next;
}

int64_t blocks_of(const Job& job) {  // to read its tokens and to write a block
  return ceil_div(std::ssize(job.tokens), kKvBlock) + 1;
}

// Whether the job has room beside the first running job of each tenant, which keep theirs.
bool has_room_beside_firsts(const SchedulerState& state, const Job& job) {
  int64_t wanted = blocks_of(job);
  for (auto other = state.running.begin(); other != state.running.end(); ++other) {
    const bool is_first = std::none_of(state.running.begin(), other, [&](const Job& before) {
      return before.tenant == other->tenant;
    });
    if (is_first) wanted += blocks_of(*other);
  }
  return wanted <= state.engine.kv_pool().limit();
}

// Nobody waits for the longest answer of another tenant: where the job's own runs nothing, one that
// runs several gives one up. False: there is none, or not enough for the job.
bool give_way(SchedulerState& state, const Job& job) {
  if (n_running(state, job.tenant) > 0 || !has_room_beside_firsts(state, job)) return false;
  const auto last = last_of_most(state);
  if (last == state.running.end() || n_running(state, last->tenant) < 2) return false;
  preempt(state, last);
  return true;
}

}  // namespace

void admit_requests(SchedulerState& state) {
  while (!state.waiting.empty()) {
    const auto next = next_to_admit(state);
    Job& job = *next;
    const bool has_place = std::ssize(state.running) < state.options.max_running;
    // The cached blocks are not counted again while that cannot help.
    const bool is_hopeless = job.id == state.refused && !state.has_new_room;
    if (has_place && !is_hopeless) {
      guard(state, job, [&] { admit(state, job); });
      state.refused = job.id;
      state.has_new_room = false;
    }
    if (job.is_finished) {
      sweep(state);
    } else if (job.sequence) {
      state.running.splice(state.running.end(), state.waiting, next);
    } else if (!give_way(state, job)) {
      return;
    }
  }
}

}  // namespace onebit
