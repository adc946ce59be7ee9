#include "engine/generate.h"

#include <algorithm>
#include <vector>

#include "base/stopwatch.h"

namespace onebit {

GenerateStats generate(Sequence& sequence, std::span<const int32_t> prompt, int64_t max_tokens,
                       const SamplerOptions& sampling,
                       const std::function<bool(int32_t token)>& on_token, Speculation* speculation,
                       TokenConstraint* constraint) {
  using Stop = GenerateStats::Stop;
  check_sampler_options(sampling, sequence.engine().config().vocab_size);
  Sampler sampler(sampling, std::ssize(prompt));
  GenerateStats stats;
  ONEBIT_CHECK(!prompt.empty());
  // The last token is always run again: its logits are needed, and only they are not kept.
  const auto common = std::ranges::mismatch(prompt.first(prompt.size() - 1), sequence.tokens());
  stats.cached_tokens = common.in1 - prompt.begin();
  stats.prompt_tokens = std::ssize(prompt) - stats.cached_tokens;
  std::vector<int32_t> tokens(prompt.begin(), prompt.end());

  // One more token out of the logits of the last one; false: the text ends.
  const auto draw = [&](std::span<const float> logits) {
    using Mask = std::span<const uint64_t>;
    const int32_t next =
        sampler.sample(logits, tokens, constraint == nullptr ? Mask() : constraint->mask());
    if (next < 0 || sequence.engine().tokenizer().is_stop(next)) {
      stats.stop = Stop::kStopToken;
      return false;
    }
    if (constraint != nullptr) constraint->accept(next);
    ++stats.generated_tokens;
    tokens.push_back(next);
    if (!on_token(next)) {
      stats.stop = Stop::kCallback;
      return false;
    }
    if (stats.generated_tokens == max_tokens) return false;
    if (std::ssize(tokens) > sequence.capacity()) {
      stats.stop = Stop::kContextFull;
      return false;
    }
    return true;
  };

  Stopwatch watch;
  sequence.truncate(stats.cached_tokens);
  const auto logits = sequence.append(prompt.last(static_cast<std::size_t>(stats.prompt_tokens)));
  stats.prefill_seconds = watch.seconds();

  watch = {};
  const auto vocab_size = static_cast<std::size_t>(sequence.engine().config().vocab_size);
  std::vector<int32_t> step;  // the last token and guesses of what follows
  bool goes_on = max_tokens > 0 && draw(logits);
  while (goes_on) {
    step.assign(1, tokens.back());
    if (speculation != nullptr) {
      const int64_t room = std::min(sequence.capacity() - std::ssize(tokens),
                                    max_tokens - stats.generated_tokens - 1);
      const auto guesses = speculation->draft(tokens, room, sampler);
      step.insert(step.end(), guesses.begin(), guesses.end());
    }
    const int64_t before = sequence.length();
    std::size_t drawn = 0;
    bool right = true;  // the guesses so far
    sequence.append_all(step, [&](int64_t, std::span<const float> rows) {
      for (; right && !rows.empty(); rows = rows.subspan(vocab_size)) {
        goes_on = draw(rows.first(vocab_size));
        ++drawn;
        right = goes_on && drawn < step.size() && step[drawn] == tokens.back();
      }
    });
    // As if the wrong guesses had never been there.
    sequence.truncate(before + static_cast<int64_t>(drawn));
    const auto accepted = static_cast<int64_t>(drawn) - 1;
    if (speculation != nullptr) speculation->checked(accepted);
    ++stats.speculation.steps;
    stats.speculation.drafted += std::ssize(step) - 1;
    stats.speculation.accepted += accepted;
  }
  stats.decode_seconds = watch.seconds();
  return stats;
}

}  // namespace onebit
