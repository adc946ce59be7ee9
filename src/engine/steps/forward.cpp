#include "engine/steps/state.h"

namespace onebit {

void run_forward(SchedulerState& state) {
  state.batch.clear();
  state.batch_jobs.clear();
  state.logits = {};
  for (const auto& job : state.running) {
    if (job->n_next == 0) continue;
    const auto pending = std::span(job->tokens).last(static_cast<std::size_t>(job->n_pending()));
    state.batch.push_back({&*job->sequence, pending.first(static_cast<std::size_t>(job->n_next)),
                           job->n_next == job->n_pending()});
    state.batch_jobs.push_back(job.get());
    const bool decodes = job->generated > 0 && job->n_pending() == 1;
    if (!decodes) state.stats.prompt_tokens += job->n_next;
  }
  if (state.batch.empty()) return;
  ++state.stats.steps;
  try {
    state.logits = state.engine.append_batch(state.batch);
  } catch (const std::exception& e) {  // no memory to work in: everything else has been checked
    for (Job* job : state.batch_jobs) finish(state, *job, FinishReason::kError, e.what());
    state.batch_jobs.clear();
    return;
  }
  for (Job* job : state.batch_jobs) {
    const int64_t length = job->sequence->length();
    if (state.options.prefix_cache && length / kKvBlock > (length - job->n_next) / kKvBlock) {
      state.cache.insert(job->request.tenant, *job->sequence);
    }
    job->n_next = 0;
  }
}

}  // namespace onebit
