#include <algorithm>

#include "engine/steps/state.h"

namespace onebit {
namespace {

// What was planned of those that are to be embedded, or of the others.
void gather(SchedulerState& state, bool embedding) {
  state.batch.clear();
  state.batch_jobs.clear();
  for (Job& job : state.running) {
    if (job.n_next == 0 || job.is_embedding() != embedding) continue;
    const auto pending = std::span(job.tokens).last(static_cast<std::size_t>(job.n_pending()));
    state.batch.push_back({&*job.sequence, pending.first(static_cast<std::size_t>(job.n_next)),
                           job.n_next == job.n_pending()});
    state.batch_jobs.push_back(&job);
    const bool decodes = job.generated > 0 && job.n_pending() == 1 + job.n_guesses;
    if (!decodes) state.stats.prompt_tokens += job.n_next;
  }
}

std::span<const float> run_batch(SchedulerState& state, Model::Output output) {
  if (state.batch.empty()) return {};
  ++state.stats.steps;
  try {
    return state.engine.append_batch(state.batch, output);
  } catch (...) {  // no memory to work in: everything else has been checked
    for (Job* job : state.batch_jobs) fail(state, *job, std::current_exception());
    state.batch_jobs.clear();
    return {};
  }
}

}  // namespace

void embed_prompts(SchedulerState& state) {
  gather(state, true);
  auto rows = run_batch(state, Model::Output::kHidden);
  const int64_t width = state.engine.config().hidden_size;
  for (Job* job : state.batch_jobs) {
    const auto own = rows.first(static_cast<std::size_t>(job->n_next * width));
    rows = rows.subspan(own.size());
    // After a preemption some are not the first time here.
    const int64_t length = job->sequence->length();
    const int64_t n_new = std::min(job->n_next, length - job->embedded);
    job->n_next = 0;
    guard(state, *job, [&] {
      if (n_new > 0) job->request.on_hidden(own.last(static_cast<std::size_t>(n_new * width)));
    });
    job->embedded = std::max(job->embedded, length);
    if (job->is_finished || job->n_pending() > 0) continue;
    job->first_token = SchedulerClock::now();
    finish(state, *job, FinishReason::kStop);
  }
}

void run_forward(SchedulerState& state) {
  gather(state, false);
  const bool has_guesses =
      std::ranges::any_of(state.batch_jobs, [](const Job* job) { return job->n_guesses > 0; });
  state.logits =
      run_batch(state, has_guesses ? Model::Output::kAllLogits : Model::Output::kLastLogits);
  for (Job* job : state.batch_jobs) job->n_next = 0;
}

}  // namespace onebit
