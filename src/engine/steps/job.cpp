#include <algorithm>

#include "engine/steps/state.h"

namespace onebit {
namespace {

double seconds(SchedulerClock::time_point from, SchedulerClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Job::Job(Request its_request, const SchedulerOptions& options, int64_t capacity)
    : request(std::move(its_request)), sampler(request.sampling, std::ssize(request.prompt)) {
  const int64_t room = capacity + 1 - std::ssize(request.prompt);
  max_tokens = request.max_tokens.value_or(room + 1);
  const int64_t most = is_embedding() ? 0 : std::min(room, max_tokens);
  tokens.reserve(request.prompt.size() + static_cast<std::size_t>(most));
  tokens = request.prompt;
  if (is_embedding()) return;
  drawn.resize(static_cast<std::size_t>(options.speculation + 1));
  if (options.speculation == 0) return;
  speculation.emplace(std::make_unique<NgramDrafter>(), options.speculation,
                      options.adaptive_speculation);
}

void drop_sequence(SchedulerState& state, Job& job) noexcept {
  job.sequence.reset();
  job.n_next = 0;
  state.has_new_room = true;
}

void finish(SchedulerState& state, Job& job, FinishReason reason, const char* error) noexcept {
  drop_sequence(state, job);
  job.is_finished = true;
  ++state.stats.finished[static_cast<std::size_t>(reason)];
  if (!job.request.on_finish) return;
  const auto now = SchedulerClock::now();
  const auto admitted = job.admitted.value_or(now);
  const auto first_token = job.first_token.value_or(now);
  FinishEvent event{.reason = reason,
                    .error = {},
                    .prompt_tokens = std::ssize(job.request.prompt),
                    .cached_tokens = job.cached_tokens,
                    .generated_tokens = job.generated,
                    .preemptions = job.preemptions,
                    .queued_seconds = seconds(job.submitted, admitted),
                    .prefill_seconds = seconds(admitted, first_token),
                    .decode_seconds = seconds(first_token, now)};
  try {
    event.error = error;
  } catch (const std::bad_alloc&) {
    event.error = "out of memory";  // so short that it takes none
  }
  try {
    job.request.on_finish(event);
  } catch (...) {  // there is nobody else to tell
  }
}

void fail(SchedulerState& state, Job& job, const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    finish(state, job, FinishReason::kError, e.what());
  } catch (...) {
    finish(state, job, FinishReason::kError, "unknown error");
  }
}

void sweep(SchedulerState& state) noexcept {
  for (auto* jobs : {&state.running, &state.waiting}) {
    for (auto next = jobs->begin(); next != jobs->end();) {
      const auto job = next++;
      if (job->is_finished) state.ended.splice(state.ended.end(), *jobs, job);
    }
  }
}

}  // namespace onebit
