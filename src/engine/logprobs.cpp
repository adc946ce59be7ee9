#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/portable_math.h"

namespace onebit {
namespace {

// log of the sum of exp(logit - most) over the finite ones, in their order.
double log_sum_exp(std::span<const float> logits, double most) {
  constexpr std::size_t kBlock = 256;
  double exponents[kBlock];
  double total = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, logits.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      const float logit = logits[begin + i];
      exponents[i] = std::isfinite(logit) ? std::max(static_cast<double>(logit) - most, -700.0)
                                          : -700.0;  // adds nothing to a sum of at least 1
    }
    portable_exp_each(exponents, static_cast<int64_t>(n));
    for (std::size_t i = 0; i < n; ++i) total += exponents[i];
  }
  return portable_log(total);
}

}  // namespace

void compute_logprobs(std::span<const float> logits, int32_t token, int64_t n, Logprobs& out) {
  ONEBIT_CHECK(n >= 0 && n <= std::ssize(logits) && token >= 0 && token < std::ssize(logits));
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  out.logprob = kNone;
  out.top.clear();
  float most = kNone;
  for (const float logit : logits) {
    if (std::isfinite(logit)) most = std::max(most, logit);
  }
  if (most == kNone) return;
  const double base = most;
  const double log_sum = log_sum_exp(logits, base);
  const auto logprob = [&](float logit) {
    return std::isfinite(logit) ? static_cast<float>(static_cast<double>(logit) - base - log_sum)
                                : kNone;
  };
  out.logprob = logprob(logits[static_cast<std::size_t>(token)]);

  // A heap of logits with the least likely of the likeliest in front.
  const auto likelier = [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob > b.logprob || (a.logprob == b.logprob && a.token < b.token);
  };
  for (std::size_t i = 0; i < logits.size() && n > 0; ++i) {
    if (!std::isfinite(logits[i])) continue;
    const TokenLogprob c{static_cast<int32_t>(i), logits[i]};
    if (std::ssize(out.top) == n) {
      if (!likelier(c, out.top.front())) continue;
      std::ranges::pop_heap(out.top, likelier);
      out.top.pop_back();
    }
    out.top.push_back(c);
    std::ranges::push_heap(out.top, likelier);
  }
  std::ranges::sort_heap(out.top, likelier);
  for (TokenLogprob& t : out.top) t.logprob = logprob(t.logprob);
}

}  // namespace onebit
