// Logarithms of the probabilities that a model gives to tokens, before any sampling option.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace onebit {

struct TokenLogprob {
  int32_t token;
  float logprob;
};

// Of `token` and of the n likeliest, likeliest first, ties to the lower id; n at most the number of
// logits. Logits that are not finite are impossible tokens (-infinity) and never among the
// likeliest. The same bits everywhere.
struct Logprobs {
  float logprob = 0;
  std::vector<TokenLogprob> top;
};
void compute_logprobs(std::span<const float> logits, int32_t token, int64_t n, Logprobs& out);

}  // namespace onebit
