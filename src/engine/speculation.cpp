#include "engine/speculation.h"

#include <algorithm>

#include "base/error.h"

namespace onebit {

void NgramDrafter::draft(std::span<const int32_t> tokens, int64_t n, const Sampler&,
                         std::vector<int32_t>& draft) {
  const auto size = std::ssize(tokens);
  const int32_t* const last = tokens.data() + size - 1;
  int64_t longest = kShortest - 1;
  int64_t follows = -1;  // index of what came after the best match
  for (int64_t end = size - 2; end >= 0 && longest < kLongest; --end) {
    if (tokens[static_cast<std::size_t>(end)] != *last) continue;
    const int64_t limit = std::min(kLongest, end + 1);
    int64_t length = 1;
    while (length < limit && tokens[static_cast<std::size_t>(end - length)] == last[-length]) {
      ++length;
    }
    if (length > longest) {
      longest = length;
      follows = end + 1;
    }
  }
  if (follows < 0) return;
  // Past the end of the text its continuation is the draft itself, as in LZ77: a text that repeats
  // a few tokens goes on doing so.
  for (int64_t i = 0; i < n; ++i) {
    const int64_t from = follows + i;
    draft.push_back(from < size ? tokens[static_cast<std::size_t>(from)]
                                : draft[static_cast<std::size_t>(from - size)]);
  }
}

// Of k guesses, each right with probability p if all before it were, 1 + p + ... + p^k tokens come,
// for the time of a step and k times what a guess adds.
int64_t DraftLength::best() const {
  const double p = accepted_ / tested_;
  const double cost = token_seconds_ / step_seconds_;
  double tokens = 1;
  double power = 1;
  double best_rate = 1;
  int64_t best = 0;
  for (int64_t k = 1; k <= most_; ++k) {
    power *= p;
    tokens += power;
    const double rate = tokens / (1 + static_cast<double>(k) * cost);
    if (rate > best_rate) {
      best_rate = rate;
      best = k;
    }
  }
  return best;
}

int64_t DraftLength::next() {
  if (step_seconds_ == 0) return 0;  // one step without guesses, to compare with
  if (token_seconds_ == 0) return most_;
  const int64_t k = best();
  if (k > 0) return k;
  if (skipped_ < patience_) return 0;
  return std::min<int64_t>(2, most_);
}

void DraftLength::report(int64_t drafted, int64_t accepted, double seconds) {
  constexpr double kFade = 0.9;    // of a count with each guess
  constexpr double kWeight = 0.2;  // of a new time
  constexpr int64_t kMostPatience = 128;
  const auto blend = [](double old, double now) {
    return old == 0 ? now : (1 - kWeight) * old + kWeight * now;
  };
  if (drafted == 0) {
    ++skipped_;
    // A step that was interrupted is no measure.
    if (step_seconds_ != 0) seconds = std::min(seconds, 2 * step_seconds_);
    step_seconds_ = blend(step_seconds_, seconds);
    return;
  }
  const bool tried = best() == 0 && skipped_ >= patience_;
  skipped_ = 0;
  for (int64_t i = 0; i < std::min(drafted, accepted + 1); ++i) {
    accepted_ = kFade * accepted_ + (i < accepted ? 1 : 0);
    tested_ = kFade * tested_ + 1;
  }
  if (step_seconds_ != 0) {
    const double added = (seconds - step_seconds_) / static_cast<double>(drafted);
    token_seconds_ =
        blend(token_seconds_, std::clamp(added, 0.01 * step_seconds_, 2 * step_seconds_));
    if (best() > 0) {
      patience_ = 8;
    } else if (tried) {
      patience_ = std::min(2 * patience_, kMostPatience);
    }
  }
}

Speculation::Speculation(std::unique_ptr<Drafter> drafter, int64_t most, bool adaptive)
    : drafter_(std::move(drafter)), most_(most), adaptive_(adaptive), length_(most) {
  ONEBIT_CHECK(most >= 1);
}

std::span<const int32_t> Speculation::draft(std::span<const int32_t> tokens, int64_t room,
                                            const Sampler& sampler) {
  start_ = std::chrono::steady_clock::now();
  draft_.clear();
  const int64_t n = std::min(room, adaptive_ ? length_.next() : most_);
  if (n > 0) drafter_->draft(tokens, n, sampler, draft_);
  ONEBIT_CHECK(std::ssize(draft_) <= std::max<int64_t>(n, 0));
  return draft_;
}

void Speculation::checked(int64_t accepted, double share) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
  ONEBIT_CHECK(accepted >= 0 && accepted <= std::ssize(draft_));
  length_.report(std::ssize(draft_), accepted, seconds.count() * share);
  ++stats_.steps;
  stats_.drafted += std::ssize(draft_);
  stats_.accepted += accepted;
}

}  // namespace onebit
