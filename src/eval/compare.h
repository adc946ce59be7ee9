// How far a model's logits are from reference ones: of another engine, or before a conversion.
#pragma once

#include <cstdint>
#include <span>

namespace onebit {

class LogitsComparison {
 public:
  // Both [vocab_size], of one position.
  void add(std::span<const float> reference, std::span<const float> logits);

  struct Result {
    int64_t positions = 0;
    double mean_kl = 0;  // KL(reference || model) of the softmax distributions, nats
    double max_kl = 0;
    double top1_agreement = 0;  // share of positions with the same likeliest token
    double max_abs = 0;         // of the logits' differences
    double rms = 0;
    double min_cosine = 1;  // of the logits of a position
  };
  // After at least one position.
  Result result() const;

 private:
  Result sums_;
  int64_t values_ = 0;
};

}  // namespace onebit
