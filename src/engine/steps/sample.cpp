#include <algorithm>

#include "engine/steps/state.h"
#include "ops/context.h"

namespace onebit {
namespace {

bool is_stop(const Engine& engine, const Request& request, int32_t token) {
  if (std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end()) return true;
  const bool ignore_eos = request.ignore_eos && !request.constraint;
  return !ignore_eos && engine.has_tokenizer() && engine.tokenizer().is_stop(token);
}

// What follows `text`; false: nothing, it ends.
bool draw(const Engine& engine, Job& job, std::span<const int32_t> text,
          std::span<const float> logits, Job::Drawn& drawn) {
  const Request& request = job.request;
  TokenConstraint* const constraint = request.constraint.get();
  const auto mask = constraint ? constraint->mask() : std::span<const uint64_t>();
  drawn.token = job.sampler.sample(logits, text, mask);
  if (drawn.token < 0 || is_stop(engine, request, drawn.token)) return false;
  if (constraint) constraint->accept(drawn.token);
  if (request.top_logprobs >= 0) {
    const int64_t n = std::min<int64_t>(request.top_logprobs, std::ssize(logits));
    compute_logprobs(logits, drawn.token, n, drawn.logprobs);
  }
  return true;
}

// Draws until a guess was wrong. `logits` [1 + n_guesses][vocab_size].
void draw_all(const Engine& engine, Job& job, std::span<const float> logits) {
  const auto vocab_size = static_cast<std::size_t>(engine.config().vocab_size);
  const std::span tokens(job.tokens);
  const auto n_guesses = static_cast<std::size_t>(job.n_guesses);
  const std::size_t known = tokens.size() - n_guesses;
  job.n_drawn = 0;
  for (std::size_t i = 0; i <= n_guesses; ++i) {
    Job::Drawn& drawn = job.drawn[i];
    job.ends = !draw(engine, job, tokens.first(known + i),
                     logits.subspan(i * vocab_size, vocab_size), drawn);
    if (job.ends) return;
    ++job.n_drawn;
    if (i < n_guesses && tokens[known + i] != drawn.token) return;
  }
}

// As if the wrong guesses had never been there.
void drop_guesses(SchedulerState& state, Job& job, int64_t batch_tokens) {
  const int64_t accepted = job.ends ? job.n_drawn : std::max<int64_t>(0, job.n_drawn - 1);
  const int64_t right = std::min(accepted, job.n_guesses);
  job.sequence->truncate(job.sequence->length() - job.n_guesses + right);
  job.tokens.resize(job.tokens.size() - static_cast<std::size_t>(job.n_guesses));
  const auto share = static_cast<double>(1 + job.n_guesses) / static_cast<double>(batch_tokens);
  job.speculation->checked(right, share);
  state.stats.accepted_tokens += right;
  job.n_guesses = 0;
  job.is_drafted = false;
}

}  // namespace

void sample_tokens(SchedulerState& state) {
  auto& jobs = state.batch_jobs;
  std::erase_if(jobs, [](const Job* job) { return job->n_pending() > 0; });
  // Each has its own random numbers and constraint: threads may share the work as they like. A draw
  // is some passes over the logits, and a sort; a mask or a guess more is a piece of its own.
  const int64_t vocab_size = state.engine.config().vocab_size;
  int64_t step = items_per_part(vocab_size * 32);
  int64_t n_rows = 0;
  for (Job* job : jobs) {
    job->first_row = n_rows;
    n_rows += 1 + job->n_guesses;
    if (job->request.constraint || job->n_guesses > 0) step = 1;
  }
  state.engine.pool().parallel_for(std::ssize(jobs), step, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Job& job = *jobs[static_cast<std::size_t>(i)];
      try {
        draw_all(state.engine, job,
                 state.logits.subspan(static_cast<std::size_t>(job.first_row * vocab_size)));
      } catch (...) {
        job.error = std::current_exception();
      }
    }
  });
  for (Job* job : jobs) {
    if (job->is_drafted) drop_guesses(state, *job, n_rows);
  }
}

}  // namespace onebit
