// Blocks for those who need them, from those who must give.
#include <algorithm>

#include "engine/steps/state.h"

namespace onebit {

int64_t n_running(const SchedulerState& state, const Tenant* tenant) {
  // Those without a sequence have ended in this step.
  return std::ranges::count_if(
      state.running, [&](const Job& job) { return job.tenant == tenant && job.sequence; });
}

std::list<Job>::iterator last_of_most(SchedulerState& state) {
  auto last = state.running.end();
  int64_t most = 0;
  for (auto job = state.running.end(); job != state.running.begin();) {
    --job;
    if (!job->sequence) continue;
    const int64_t n = n_running(state, job->tenant);
    if (n <= most) continue;
    most = n;
    last = job;
  }
  return last;
}

void preempt(SchedulerState& state, std::list<Job>::iterator job) {
  drop_sequence(state, *job);
  ++job->preemptions;
  ++state.stats.preemptions;
  state.waiting.splice(state.waiting.begin(), state.running, job);
}

bool make_room(SchedulerState& state, Job& job, int64_t n) {
  KvPool& pool = state.engine.kv_pool();
  const int64_t needed = job.sequence->blocks_needed(n);
  while (pool.n_available() < needed) {
    const int64_t evicted = state.cache.evict(needed - pool.n_available());
    state.stats.evicted_blocks += evicted;
    if (evicted > 0) continue;
    const bool is_alone = std::ranges::none_of(
        state.running, [&](const Job& other) { return &other != &job && other.sequence; });
    // submit() has checked that it fits: blocks are held from outside.
    if (is_alone) break;
    const auto last = last_of_most(state);
    const bool is_self = &*last == &job;
    preempt(state, last);
    if (is_self) return false;
  }
  guard(state, job, [&] { job.sequence->reserve(n); });
  return !job.is_finished;
}

int64_t adopt_prefix(SchedulerState& state, Job& job) {
  if (!state.options.prefix_cache || job.is_embedding()) return 0;  // that wants every row
  // The last token is read in any case: its logits are not kept.
  const std::span tokens(job.tokens);
  const auto blocks = state.cache.find(job.request.tenant, tokens.first(tokens.size() - 1));
  const int64_t gained = std::ssize(blocks) * kKvBlock - job.sequence->length();
  if (gained <= 0) return 0;
  state.has_new_room = true;  // it will not take so many blocks of its own
  job.sequence->share(tokens.first(blocks.size() * kKvBlock), blocks);
  return gained;
}

void count_cached(SchedulerState& state, Job& job, int64_t n_tokens) {
  state.stats.cached_tokens += n_tokens;
  if (job.preemptions == 0) job.cached_tokens += n_tokens;  // else it may be its own text
}

}  // namespace onebit
