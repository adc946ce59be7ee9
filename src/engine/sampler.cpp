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

// e^-37.5 < 2^-54: a token this far below the likeliest one changes no sum of weights.
constexpr double kNegligible = 37.5;

constexpr std::size_t kBlock = 64;  // logits that are looked at together; bits in a word of a mask

}  // namespace

void check_sampler_options(const SamplerOptions& o, int64_t vocab_size) {
  require(o.temperature >= 0 && o.temperature <= 100, "temperature", "0..100", o.temperature);
  require(o.top_k >= 0, "top_k", "0 or more", static_cast<double>(o.top_k));
  require(o.top_p > 0 && o.top_p <= 1, "top_p", "above 0, at most 1", o.top_p);
  require(o.min_p >= 0 && o.min_p < 1, "min_p", "0 or more, below 1", o.min_p);
  require(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "repetition_penalty",
          "above 0, at most 100", o.repetition_penalty);
  require(o.repetition_window >= 0, "repetition_window", "0 or more",
          static_cast<double>(o.repetition_window));
  require(std::abs(o.presence_penalty) <= 2, "presence_penalty", "-2..2", o.presence_penalty);
  require(std::abs(o.frequency_penalty) <= 2, "frequency_penalty", "-2..2", o.frequency_penalty);
  for (const auto& [id, bias] : o.logit_bias) {
    if (id < 0 || id >= vocab_size) {
      throw Error(ErrorCode::kInvalidArgument, "logit_bias: expected tokens 0.." +
                                                   std::to_string(vocab_size - 1) + ", found " +
                                                   std::to_string(id));
    }
    require(std::abs(bias) <= 100, "logit_bias", "-100..100", bias);
  }
}

Sampler::Sampler(const SamplerOptions& options, int64_t prompt_tokens)
    : options_(options), prompt_tokens_(prompt_tokens), rng_(options.seed) {
  check_sampler_options(options);
  ONEBIT_CHECK(prompt_tokens >= 0);
  for (const auto& [id, bias] : options.logit_bias) known(id).bias += bias;
}

Sampler::Known& Sampler::known(int32_t id) {
  const auto at = std::ranges::lower_bound(known_, id, {}, &Known::id);
  if (at != known_.end() && at->id == id) return *at;
  return *known_.insert(at, {.id = id, .bias = 0, .count = 0});
}

// Texts only grow: each of their tokens is counted once.
void Sampler::count(std::span<const int32_t> text) {
  if (options_.presence_penalty == 0 && options_.frequency_penalty == 0) return;
  const auto generated =
      text.subspan(std::min(text.size(), static_cast<std::size_t>(prompt_tokens_)));
  ONEBIT_CHECK(counted_ <= generated.size());
  for (; counted_ < generated.size(); ++counted_) ++known(generated[counted_]).count;
}

float Sampler::adjusted(float logit, const Known& known, bool is_recent) const {
  logit += known.bias;
  if (is_recent) {
    const float penalty = options_.repetition_penalty;
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
  if (known.count == 0) return logit;
  return logit - options_.frequency_penalty * static_cast<float>(known.count) -
         options_.presence_penalty;
}

void Sampler::adjust(std::span<const float> logits, std::span<const int32_t> text) {
  count(text);
  recent_.clear();
  if (options_.repetition_penalty != 1.0f) {
    const auto window = static_cast<std::size_t>(options_.repetition_window);
    const auto recent = text.last(std::min(window, text.size()));
    recent_.assign(recent.begin(), recent.end());
    std::ranges::sort(recent_);
    recent_.erase(std::unique(recent_.begin(), recent_.end()), recent_.end());
  }
  adjusted_.clear();
  const auto add = [&](const Known& known, bool is_recent) {
    const float logit = logits[static_cast<std::size_t>(known.id)];
    adjusted_.push_back({adjusted(logit, known, is_recent), known.id});
  };
  auto recent = recent_.begin();
  for (const Known& known : known_) {
    for (; recent != recent_.end() && *recent < known.id; ++recent) add({*recent, 0, 0}, true);
    const bool is_recent = recent != recent_.end() && *recent == known.id;
    add(known, is_recent);
    if (is_recent) ++recent;
  }
  for (; recent != recent_.end(); ++recent) add({*recent, 0, 0}, true);
}

// Calls visit(candidate) for the possible tokens with logits above `bar`, which visit may raise:
// those with the model's logits by id, then the others.
template <typename Visit>
void Sampler::visit_above(std::span<const float> logits, const float& bar, Visit visit) const {
  const auto visit_one = [&](float logit, std::size_t id) {
    if (logit > bar && std::isfinite(logit) && is_allowed(id))
      visit(Candidate{logit, static_cast<int32_t>(id)});
  };
  const auto visit_range = [&](std::size_t begin, std::size_t end) {
    for (std::size_t block = begin, block_end = 0; block < end; block = block_end) {
      block_end = std::min(end, (block / kBlock + 1) * kBlock);
      if (!mask_.empty() && mask_[block / kBlock] == 0) continue;
      // Rarely any: the compiler makes this a vector loop.
      int any = 0;
      for (std::size_t i = block; i < block_end; ++i) any |= logits[i] > bar ? 1 : 0;
      if (any == 0) continue;
      for (std::size_t i = block; i < block_end; ++i) visit_one(logits[i], i);
    }
  };
  std::size_t begin = 0;
  for (const Candidate& seen : adjusted_) {
    visit_range(begin, static_cast<std::size_t>(seen.id));
    begin = static_cast<std::size_t>(seen.id) + 1;
  }
  visit_range(begin, logits.size());
  for (const Candidate& seen : adjusted_) {
    visit_one(seen.logit, static_cast<std::size_t>(seen.id));
  }
}

// Candidates become the k likeliest tokens (fewer if fewer are possible), sorted.
void Sampler::keep_top(std::span<const float> logits, std::size_t k) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  candidates_.clear();
  float bar = kLowest;
  visit_above(logits, bar, [&](const Candidate& c) {
    // A heap with the least likely in front. An adjusted token may come after its equals.
    if (candidates_.size() == k) {
      if (!more_likely(c, candidates_.front())) return;
      std::pop_heap(candidates_.begin(), candidates_.end(), more_likely);
      candidates_.back() = c;
    } else {
      candidates_.push_back(c);
    }
    std::push_heap(candidates_.begin(), candidates_.end(), more_likely);
    if (candidates_.size() == k) {
      bar = std::nextafter(candidates_.front().logit, kLowest);  // equals get to the comparison
    }
  });
  std::sort_heap(candidates_.begin(), candidates_.end(), more_likely);
  sorted_ = candidates_.size();
}

// Candidates become all tokens whose weight counts, none of them sorted.
void Sampler::keep_possible(std::span<const float> logits, double top) {
  candidates_.clear();
  sorted_ = 0;
  const double bar = top - (kNegligible + 1) * static_cast<double>(options_.temperature);
  const auto float_bar =
      static_cast<float>(std::max<double>(bar, std::numeric_limits<float>::lowest()));
  visit_above(logits, std::nextafter(float_bar, -std::numeric_limits<float>::infinity()),
              [&](const Candidate& c) { candidates_.push_back(c); });
}

// At least the n likeliest candidates are in order, in front. Each call doubles what is sorted, so
// that m of N cost O(N + m log m).
void Sampler::sort_first(std::size_t n) {
  while (sorted_ < n) {
    const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    const std::size_t left = candidates_.size() - sorted_;
    const std::size_t more = std::min(left, std::max<std::size_t>(64, sorted_));
    const auto end = begin + static_cast<std::ptrdiff_t>(more);
    if (more < left) std::nth_element(begin, end, candidates_.end(), more_likely);
    std::sort(begin, end, more_likely);
    sorted_ += more;
  }
}

double Sampler::weight(const Candidate& c, double top) const {
  const double inverse_temperature = 1.0 / static_cast<double>(options_.temperature);
  return portable_exp((static_cast<double>(c.logit) - top) * inverse_temperature);
}

double Sampler::total_weight(double top) const {
  if (options_.top_p == 1 && options_.min_p > 0) return std::numeric_limits<double>::infinity();
  const double inverse_temperature = 1.0 / static_cast<double>(options_.temperature);
  constexpr std::size_t kExponents = 256;
  double exponents[kExponents];
  double total = 0;
  for (std::size_t begin = 0; begin < candidates_.size(); begin += kExponents) {
    const std::size_t n = std::min(kExponents, candidates_.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      const double below = static_cast<double>(candidates_[begin + i].logit) - top;
      exponents[i] = std::max(below * inverse_temperature, -700.0);
    }
    portable_exp_each(exponents, static_cast<int64_t>(n));
    for (std::size_t i = 0; i < n; ++i) total += exponents[i];
  }
  return total;
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> text,
                        std::span<const uint64_t> mask) {
  ONEBIT_CHECK(mask.empty() || mask.size() == (logits.size() + kBlock - 1) / kBlock);
  mask_ = mask;
  adjust(logits, text);
  const bool greedy = options_.temperature == 0;
  const bool has_top_k = options_.top_k > 0 && options_.top_k < std::ssize(logits);
  keep_top(logits, !greedy && has_top_k ? static_cast<std::size_t>(options_.top_k) : 1);
  if (candidates_.empty()) return mask.empty() ? 0 : -1;
  if (greedy) return candidates_.front().id;
  const double top = candidates_.front().logit;
  if (!has_top_k) keep_possible(logits, top);
  return draw(top, total_weight(top));
}

int32_t Sampler::draw(double top, double total) {
  const double top_p = static_cast<double>(options_.top_p);
  const double min_p = static_cast<double>(options_.min_p);
  // Weights come sorted: both cuts keep a prefix.
  weights_.clear();
  double kept = 0;
  if (top_p == 1 && min_p == 0) {
    kept = total;
  } else {
    while (weights_.size() < candidates_.size()) {
      const std::size_t i = weights_.size();
      sort_first(i + 1);
      const double w = weight(candidates_[i], top);
      if (i > 0 && (kept >= top_p * total || w < min_p * weights_[0])) break;
      kept += w;
      weights_.push_back(w);
    }
  }
  const std::size_t n = weights_.empty() ? candidates_.size() : weights_.size();
  double pick = rng_.uniform() * kept;
  for (std::size_t i = 0; i + 1 < n; ++i) {
    sort_first(i + 1);
    pick -= i < weights_.size() ? weights_[i] : weight(candidates_[i], top);
    if (pick < 0) return candidates_[i].id;
  }
  sort_first(n);
  return candidates_[n - 1].id;
}

}  // namespace onebit
