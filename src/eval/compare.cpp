#include "eval/compare.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/perplexity.h"

namespace onebit {
void LogitsComparison::add(std::span<const float> reference, std::span<const float> logits) {
  ONEBIT_CHECK(reference.size() == logits.size() && !logits.empty());
  const double p_norm = log_sum_exp(reference);
  const double q_norm = log_sum_exp(logits);
  double kl = 0;
  double dot = 0;
  double p_square = 0;
  double q_square = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double p = reference[i];
    const double q = logits[i];
    kl += std::exp(p - p_norm) * ((p - p_norm) - (q - q_norm));
    dot += p * q;
    p_square += p * p;
    q_square += q * q;
    sums_.max_abs = std::max(sums_.max_abs, std::fabs(p - q));
    sums_.rms += (p - q) * (p - q);
  }
  kl = std::max(kl, 0.0);  // rounding
  ++sums_.positions;
  values_ += static_cast<int64_t>(logits.size());
  sums_.mean_kl += kl;
  sums_.max_kl = std::max(sums_.max_kl, kl);
  if (p_square > 0 && q_square > 0) {
    sums_.min_cosine = std::min(sums_.min_cosine, dot / std::sqrt(p_square * q_square));
  }
  const auto top = [](std::span<const float> l) { return std::ranges::max_element(l) - l.begin(); };
  if (top(reference) == top(logits)) sums_.top1_agreement += 1;
}

LogitsComparison::Result LogitsComparison::result() const {
  ONEBIT_CHECK(sums_.positions > 0);
  Result result = sums_;
  const auto n = static_cast<double>(sums_.positions);
  result.mean_kl /= n;
  result.top1_agreement /= n;
  result.rms = std::sqrt(sums_.rms / static_cast<double>(values_));
  return result;
}

}  // namespace onebit
