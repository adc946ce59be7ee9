#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/checked.h"

namespace onebit {

double negative_log_likelihood(std::span<const float> logits, int32_t target) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += std::exp(static_cast<double>(l) - top);
  return top + std::log(sum) - static_cast<double>(logits[static_cast<std::size_t>(target)]);
}

Perplexity perplexity(Engine& engine, std::span<const int32_t> tokens, int64_t ctx, int32_t bos,
                      const std::function<void(int64_t, int64_t)>& on_window) {
  const int64_t prefix = bos >= 0 ? 1 : 0;
  const int64_t limit = engine.model().context() - prefix;
  if (ctx < 1 || ctx > limit) {
    throw Error(ErrorCode::kInvalidArgument,
                "ctx: expected 1.." + std::to_string(limit) + ", found " + std::to_string(ctx));
  }
  const int64_t n_scored = static_cast<int64_t>(tokens.size()) - 1;
  if (n_scored < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "text: expected at least 2 tokens, found " + std::to_string(tokens.size()));
  }
  Sequence sequence(engine);
  const auto vocab = static_cast<std::size_t>(engine.config().vocab_size);
  const int64_t n_windows = ceil_div(n_scored, ctx);
  Perplexity result;
  double squares = 0;
  for (int64_t w = 0; w < n_windows; ++w) {
    const int64_t begin = w * ctx;
    const int64_t n = std::min(ctx, n_scored - begin);
    std::vector<int32_t> window;
    if (prefix != 0) window.push_back(bos);
    window.insert(window.end(), tokens.begin() + begin, tokens.begin() + begin + n);
    sequence.clear();
    sequence.append_all(window, [&](int64_t first, std::span<const float> logits) {
      const auto rows = static_cast<int64_t>(logits.size() / vocab);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t position = first + r - prefix;  // in the window's text
        if (position < 0) continue;
        const int32_t target = tokens[static_cast<std::size_t>(begin + position + 1)];
        const double nll = negative_log_likelihood(
            logits.subspan(static_cast<std::size_t>(r) * vocab, vocab), target);
        result.mean_nll += nll;
        squares += nll * nll;
      }
    });
    result.scored_tokens += n;
    if (on_window) on_window(w + 1, n_windows);
  }
  const auto count = static_cast<double>(result.scored_tokens);
  if (!std::isfinite(result.mean_nll)) {
    throw Error(ErrorCode::kInvalidFile,
                "perplexity: expected finite logits, found others: the model's weights are broken");
  }
  result.mean_nll /= count;
  const double variance = squares / count - result.mean_nll * result.mean_nll;
  result.standard_error = std::sqrt(std::max(variance, 0.0) / count);
  return result;
}

std::vector<float> all_logits(Engine& engine, std::span<const int32_t> tokens) {
  std::vector<float> out;
  Sequence sequence(engine);
  sequence.append_all(tokens, [&](int64_t, std::span<const float> logits) {
    out.insert(out.end(), logits.begin(), logits.end());
  });
  return out;
}

}  // namespace onebit
