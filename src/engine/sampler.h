// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace onebit {

struct SamplerOptions {
  float temperature = 0.8f;  // 0: greedy
  int64_t top_k = 40;        // 0: off
  float top_p = 0.95f;       // 1: off
  float min_p = 0.0f;        // 0: off
  float repetition_penalty =
      1.0f;                        // 1: off; > 1 makes seen tokens less likely (Keskar et al. 2019)
  int64_t repetition_window = 64;  // the last tokens that count as seen
  uint64_t seed = 0;
};

// Throws Error(kInvalidArgument) "field: expected, found".
void check_sampler_options(const SamplerOptions& options);

// Order: repetition penalty, temperature, then top-k, top-p, min-p on the resulting probabilities.
// Ties go to the lower token id. The same options and calls give the same tokens everywhere.
class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options);

  // `logits` [vocab_size]; `recent`: the tokens so far, newest last. Non-finite logits are treated
  // as impossible tokens.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> recent);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  SamplerOptions options_;
  Rng rng_;
  std::vector<Candidate> candidates_;
};

}  // namespace onebit
