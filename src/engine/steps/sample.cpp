#include <algorithm>

#include "engine/steps/state.h"
#include "ops/context.h"

namespace onebit {

void sample_tokens(SchedulerState& state) {
  std::erase_if(state.batch_jobs, [](const Job* job) { return job->n_pending() > 0; });
  const int64_t vocab_size = state.engine.config().vocab_size;
  // Each has its own random numbers: threads may share the work as they like.
  const int64_t step = items_per_part(vocab_size * 32);  // some passes over the logits, and a sort
  state.engine.pool().parallel_for(
      std::ssize(state.batch_jobs), step, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          Job& job = *state.batch_jobs[static_cast<std::size_t>(i)];
          const auto logits = state.logits.subspan(static_cast<std::size_t>(i * vocab_size),
                                                   static_cast<std::size_t>(vocab_size));
          job.drawn = job.sampler.sample(logits, job.tokens);
          if (job.request.top_logprobs < 0) continue;
          const int64_t n = std::min<int64_t>(job.request.top_logprobs, vocab_size);
          compute_logprobs(logits, job.drawn, n, job.logprobs);
        }
      });
}

}  // namespace onebit
