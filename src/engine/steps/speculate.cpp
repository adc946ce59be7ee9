#include <algorithm>

#include "engine/steps/state.h"

namespace onebit {
namespace {

// Where many share a pass it computes as fast as it can: checking a guess costs as much as a token.
constexpr int64_t kMostRequests = 8;

// Puts guesses behind the job's tokens, for the blocks that are free.
void guess(SchedulerState& state, Job& job) {
  const int64_t room =
      std::min(state.capacity - std::ssize(job.tokens), job.max_tokens - job.generated - 1);
  job.is_drafted = true;
  auto guesses = job.speculation->draft(job.tokens, room, job.sampler);
  const int64_t needed = job.sequence->blocks_needed(1 + std::ssize(guesses));
  if (needed > state.engine.kv_pool().n_available()) guesses = {};
  job.sequence->reserve(1 + std::ssize(guesses));
  job.tokens.insert(job.tokens.end(), guesses.begin(), guesses.end());
  job.n_guesses = std::ssize(guesses);
  job.n_next += job.n_guesses;
  state.stats.drafted_tokens += job.n_guesses;
}

}  // namespace

void speculate(SchedulerState& state) {
  if (state.options.speculation == 0) return;
  state.turns.clear();
  for (Job& job : state.running) {
    if (job.n_next == 0) continue;
    if (job.n_next > 1 || job.n_pending() > 1 || job.is_embedding()) return;
    state.turns.push_back(&job);
  }
  if (std::ssize(state.turns) > kMostRequests) return;
  for (Job* job : state.turns) guard(state, *job, [&] { guess(state, *job); });
}

}  // namespace onebit
