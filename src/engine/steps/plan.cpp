// Which tokens a step reads.
#include <algorithm>
#include <tuple>

#include "base/checked.h"
#include "engine/steps/state.h"

namespace onebit {
namespace {

// Whether somebody reads in this step what the job would read next. It waits for that block then:
// several completions of one prompt read it once, in turns.
bool is_read_by_another(const SchedulerState& state, const Job& job) {
  if (!state.options.prefix_cache || job.is_embedding()) return false;
  const int64_t begin = job.sequence->length();
  const int64_t end = round_up(begin + 1, kKvBlock);
  if (end >= std::ssize(job.tokens)) return false;  // nothing to adopt
  return std::ranges::any_of(state.running, [&](const Job& other) {
    return other.n_next > 0 && !other.is_embedding() && other.sequence->length() >= begin &&
           other.sequence->length() < end && std::ssize(other.tokens) >= end &&
           other.request.tenant == job.request.tenant &&
           std::equal(job.tokens.begin(), job.tokens.begin() + end, other.tokens.begin());
  });
}

// How many more tokens the job reads in this step, at most `most`: to the end of a block if not to
// the end of the text, since only full blocks are for all.
int64_t next_chunk(const Job& job, int64_t most) {
  const int64_t left = job.n_pending() - job.n_next;
  if (left <= most) return left;
  const int64_t begin = job.sequence->length() + job.n_next;
  const int64_t end = (begin + most) / kKvBlock * kKvBlock;
  return end > begin ? end - begin : most;
}

// A job's next block, if there is one and room for it; how many tokens.
int64_t deal(SchedulerState& state, Job& job, int64_t budget) {
  if (!job.sequence) return 0;  // preempted by one before
  if (job.n_next == 0) {
    guard(state, job, [&] { count_cached(state, job, adopt_prefix(state, job)); });
    if (job.is_finished) return 0;
    if (is_read_by_another(state, job)) return 0;
  }
  const int64_t n = next_chunk(job, std::min(kKvBlock, budget));
  if (n == 0 || !make_room(state, job, job.n_next + n)) return 0;
  job.n_next += n;
  job.tenant->last_read = ++state.n_read;
  job.tenant->reads_shortest = !job.tenant->reads_shortest;
  return n;
}

// The least is next: the tenant that has gone longest without a block of a prompt; of its prompts
// by turns the one with the fewest tokens left and the one that came first. The former makes first
// tokens come early on average, the latter lets a long prompt take half of its tenant's turns.
auto turn_of(const Job* job) {
  const bool by_length = job->tenant->reads_shortest && job->sequence;
  return std::tuple(job->tenant->last_read, by_length ? job->n_pending() - job->n_next : 0,
                    job->id);
}

}  // namespace

void plan_decode(SchedulerState& state) {
  state.turns.clear();
  for (Job& job : state.running) {
    if (job.n_pending() == 1) state.turns.push_back(&job);
  }
  // One that was planned already may have to give its room: preempt() takes it out of the step.
  for (Job* job : state.turns) {
    if (job->sequence && make_room(state, *job, 1)) job->n_next = 1;
  }
}

void plan_prefill(SchedulerState& state) {
  const bool others_decode =
      std::ranges::any_of(state.running, [](const Job& job) { return job.n_next > 0; });
  int64_t budget = others_decode ? state.options.prefill_tokens : state.engine.prefill_chunk();

  auto& turns = state.turns;  // those that may read more in this step
  turns.clear();
  for (Job& job : state.running) {
    if (job.sequence && job.n_pending() > 1) turns.push_back(&job);
  }
  while (budget > 0 && !turns.empty()) {
    const auto next = std::ranges::min_element(turns, {}, turn_of);
    const int64_t n = deal(state, **next, budget);
    if (n == 0) turns.erase(next);
    budget -= n;
  }
}

}  // namespace onebit
