#include "engine/steps/state.h"

namespace onebit {
namespace {

// The order of checks is generate()'s.
std::optional<FinishReason> deliver(SchedulerState& state, Job& job) {
  if (job.error) std::rethrow_exception(job.error);
  if (!job.first_token) job.first_token = SchedulerClock::now();
  for (const Job::Drawn& drawn :
       std::span(job.drawn).first(static_cast<std::size_t>(job.n_drawn))) {
    job.tokens.push_back(drawn.token);
    ++job.generated;
    ++state.stats.generated_tokens;
    if (job.request.on_token &&
        !job.request.on_token({drawn.token, drawn.logprobs.logprob, drawn.logprobs.top})) {
      return FinishReason::kStop;
    }
    if (job.generated == job.max_tokens) return FinishReason::kLength;
    if (std::ssize(job.tokens) > state.capacity) return FinishReason::kContextFull;
  }
  if (job.ends) return FinishReason::kStop;
  return {};
}

}  // namespace

void deliver_tokens(SchedulerState& state) {
  for (Job* job : state.batch_jobs) {
    guard(state, *job, [&] {
      if (const auto reason = deliver(state, *job)) finish(state, *job, *reason);
    });
  }
  sweep(state);
}

}  // namespace onebit
