#include <algorithm>

#include "engine/steps/state.h"

namespace onebit {
namespace {

double seconds(SchedulerClock::time_point from, SchedulerClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

bool is_stop(const Engine& engine, const Request& request, int32_t token) {
  if (std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end()) return true;
  return !request.ignore_eos && engine.has_tokenizer() && engine.tokenizer().is_stop(token);
}

// The order of checks is generate()'s.
std::optional<FinishReason> deliver(SchedulerState& state, Job& job) {
  if (!job.first_token) job.first_token = SchedulerClock::now();
  if (is_stop(state.engine, job.request, job.drawn)) return FinishReason::kStop;
  job.tokens.push_back(job.drawn);
  ++job.generated;
  ++state.stats.generated_tokens;
  if (job.request.on_token &&
      !job.request.on_token({job.drawn, job.logprobs.logprob, job.logprobs.top})) {
    return FinishReason::kStop;
  }
  if (job.generated == job.max_tokens) return FinishReason::kLength;
  if (std::ssize(job.tokens) > state.capacity) return FinishReason::kContextFull;
  return {};
}

}  // namespace

void deliver_tokens(SchedulerState& state) {
  for (Job* job : state.batch_jobs) {
    if (const auto reason = deliver(state, *job)) finish(state, *job, *reason);
  }
  sweep(state);
}

void finish(SchedulerState& state, Job& job, FinishReason reason, const std::string& error) {
  job.sequence.reset();
  job.n_next = 0;
  job.is_finished = true;
  ++state.stats.finished[static_cast<std::size_t>(reason)];
  state.finished.push_back(job.id);
  if (!job.request.on_finish) return;
  const auto now = SchedulerClock::now();
  const auto admitted = job.admitted.value_or(now);
  const auto first_token = job.first_token.value_or(now);
  job.request.on_finish({.reason = reason,
                         .error = error,
                         .prompt_tokens = std::ssize(job.request.prompt),
                         .cached_tokens = job.cached_tokens,
                         .generated_tokens = job.generated,
                         .preemptions = job.preemptions,
                         .queued_seconds = seconds(job.submitted, admitted),
                         .prefill_seconds = seconds(admitted, first_token),
                         .decode_seconds = seconds(first_token, now)});
}

void sweep(SchedulerState& state) {
  const auto is_finished = [](const std::unique_ptr<Job>& job) { return job->is_finished; };
  std::erase_if(state.running, is_finished);
  std::erase_if(state.waiting, is_finished);
}

}  // namespace onebit
