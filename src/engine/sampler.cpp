#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/portable_math.h"

namespace onebit {
namespace {

void require(bool ok, const char* field, const char* expected, double found) {
  if (ok) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(field) + ": expected " + expected + ", found " + std::to_string(found));
}

}  // namespace

void check_sampler_options(const SamplerOptions& o) {
  require(o.temperature >= 0 && o.temperature <= 100, "--temp", "0..100", o.temperature);
  require(o.top_k >= 0, "--top-k", "0 or more", static_cast<double>(o.top_k));
  require(o.top_p > 0 && o.top_p <= 1, "--top-p", "above 0, at most 1", o.top_p);
  require(o.min_p >= 0 && o.min_p < 1, "--min-p", "0 or more, below 1", o.min_p);
  require(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "--repeat-penalty",
          "above 0, at most 100", o.repetition_penalty);
  require(o.repetition_window >= 0, "repetition window", "0 or more",
          static_cast<double>(o.repetition_window));
}

Sampler::Sampler(const SamplerOptions& options) : options_(options), rng_(options.seed) {
  check_sampler_options(options);
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> recent) {
  candidates_.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float logit = std::isfinite(logits[i]) ? logits[i] : std::numeric_limits<float>::lowest();
    candidates_[i] = {logit, static_cast<int32_t>(i)};
  }
  if (options_.repetition_penalty != 1.0f) {
    const auto window = static_cast<std::size_t>(options_.repetition_window);
    std::vector<int32_t> seen(
        recent.end() - static_cast<std::ptrdiff_t>(std::min(window, recent.size())), recent.end());
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const int32_t id : seen) {
      float& logit = candidates_[static_cast<std::size_t>(id)].logit;
      logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    }
  }
  const auto more_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  if (options_.temperature == 0) {
    return std::min_element(candidates_.begin(), candidates_.end(), more_likely)->id;
  }

  // Only the head of the distribution is sorted: top-k of it if set, else all.
  auto end = candidates_.end();
  if (options_.top_k > 0 && options_.top_k < static_cast<int64_t>(candidates_.size())) {
    end = candidates_.begin() + static_cast<std::ptrdiff_t>(options_.top_k);
    std::partial_sort(candidates_.begin(), end, candidates_.end(), more_likely);
  } else {
    std::sort(candidates_.begin(), end, more_likely);
  }
  const double top = candidates_.front().logit;
  const double inverse_temperature = 1.0 / static_cast<double>(options_.temperature);
  std::vector<double> weights;
  double total = 0;
  for (auto it = candidates_.begin(); it != end; ++it) {
    weights.push_back(portable_exp((static_cast<double>(it->logit) - top) * inverse_temperature));
    total += weights.back();
  }
  // weights are sorted: both cuts keep a prefix
  double kept = 0;
  std::size_t n = 0;
  while (n < weights.size()) {
    if (n > 0 && (kept >= static_cast<double>(options_.top_p) * total ||
                  weights[n] < static_cast<double>(options_.min_p) * weights[0])) {
      break;
    }
    kept += weights[n++];
  }
  double pick = rng_.uniform() * kept;
  for (std::size_t i = 0; i + 1 < n; ++i) {
    pick -= weights[i];
    if (pick < 0) return candidates_[i].id;
  }
  return candidates_[n - 1].id;
}

}  // namespace onebit
