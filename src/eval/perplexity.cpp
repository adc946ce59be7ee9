#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/checked.h"

namespace onebit {

double log_sum_exp(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += std::exp(static_cast<double>(l) - top);
  return top + std::log(sum);
}

double negative_log_likelihood(std::span<const float> logits, int32_t target) {
  return log_sum_exp(logits) - static_cast<double>(logits[static_cast<std::size_t>(target)]);
}

namespace {

class NllSum {
 public:
  void add(double nll) {
    sum_ += nll;
    squares_ += nll * nll;
    ++count_;
  }

  Perplexity result() const {
    if (!std::isfinite(sum_)) {
      throw Error(
          ErrorCode::kInvalidFile,
          "perplexity: expected finite logits, found others: the model's weights are broken");
    }
    const auto n = static_cast<double>(count_);
    const double mean = sum_ / n;
    const double variance = std::max(squares_ / n - mean * mean, 0.0);
    return {mean, std::sqrt(variance / std::max(n - 1, 1.0)), count_};
  }

 private:
  double sum_ = 0;
  double squares_ = 0;
  int64_t count_ = 0;
};

void check_window(const char* name, int64_t found, int64_t least, int64_t most) {
  if (found >= least && found <= most) return;
  throw Error(ErrorCode::kInvalidArgument, std::string(name) + ": expected " +
                                               std::to_string(least) + ".." + std::to_string(most) +
                                               ", found " + std::to_string(found));
}

// Runs `window` from an empty context; visit(position, logits of that position).
template <typename Visit>
void run_window(Sequence& sequence, std::span<const int32_t> window, Visit visit) {
  const auto vocab = static_cast<std::size_t>(sequence.engine().config().vocab_size);
  sequence.clear();
  sequence.append_all(window, [&](int64_t first, std::span<const float> logits) {
    for (std::size_t r = 0; r < logits.size() / vocab; ++r) {
      visit(first + static_cast<int64_t>(r), logits.subspan(r * vocab, vocab));
    }
  });
}

}  // namespace

Perplexity perplexity(Engine& engine, std::span<const int32_t> tokens, int64_t ctx, int32_t bos,
                      const std::function<void(int64_t, int64_t)>& on_window, int64_t stride) {
  const int64_t prefix = bos >= 0 ? 1 : 0;
  check_window("ctx", ctx, 1, engine.model().context() - prefix);
  if (stride != 0) check_window("stride", stride, 1, ctx);
  const int64_t step = stride == 0 ? ctx : stride;
  const int64_t n_scored = static_cast<int64_t>(tokens.size()) - 1;
  if (n_scored < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "text: expected at least 2 tokens, found " + std::to_string(tokens.size()));
  }
  Sequence sequence(engine);
  const int64_t n_windows = 1 + (n_scored <= ctx ? 0 : ceil_div(n_scored - ctx, step));
  NllSum sum;
  int64_t done = 0;  // tokens scored so far
  for (int64_t w = 0; w < n_windows; ++w) {
    const int64_t begin = w * step;
    const int64_t end = std::min(begin + ctx, n_scored);
    std::vector<int32_t> window;
    if (prefix != 0) window.push_back(bos);
    window.insert(window.end(), tokens.begin() + begin, tokens.begin() + end);
    run_window(sequence, window, [&](int64_t position, std::span<const float> logits) {
      const int64_t at = begin + position - prefix;  // in the text; its successor is scored
      if (at < std::max(begin, done)) return;
      sum.add(negative_log_likelihood(logits, tokens[static_cast<std::size_t>(at + 1)]));
    });
    done = end;
    if (on_window) on_window(w + 1, n_windows);
  }
  return sum.result();
}

Perplexity chunked_perplexity(
    Engine& engine, std::span<const int32_t> tokens, int64_t ctx, int32_t bos,
    const std::function<void(int64_t, int64_t, const Perplexity&)>& on_chunk) {
  check_window("ctx", ctx, 4, engine.model().context());
  const int64_t n_chunks = static_cast<int64_t>(tokens.size()) / ctx;
  if (n_chunks < 1) {
    throw Error(ErrorCode::kInvalidArgument, "text: expected at least the " + std::to_string(ctx) +
                                                 " tokens of one chunk, found " +
                                                 std::to_string(tokens.size()));
  }
  Sequence sequence(engine);
  NllSum sum;
  for (int64_t c = 0; c < n_chunks; ++c) {
    std::vector<int32_t> chunk(tokens.begin() + c * ctx, tokens.begin() + (c + 1) * ctx);
    if (bos >= 0) chunk[0] = bos;
    run_window(sequence, chunk, [&](int64_t position, std::span<const float> logits) {
      if (position < ctx / 2 || position == ctx - 1) return;
      sum.add(negative_log_likelihood(logits, chunk[static_cast<std::size_t>(position + 1)]));
    });
    if (on_chunk) on_chunk(c + 1, n_chunks, sum.result());
  }
  return sum.result();
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
