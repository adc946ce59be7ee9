// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
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
  float presence_penalty = 0;      // subtracted from the logit of a token that was generated
  float frequency_penalty = 0;     // the same, for each time that it was
  std::vector<std::pair<int32_t, float>> logit_bias;  // token, what is added to its logit
  uint64_t seed = 0;
};

// Throws Error(kInvalidArgument) "field: expected, found".
void check_sampler_options(const SamplerOptions& options);

// Order: repetition penalty, temperature, then top-k, top-p, min-p on the resulting probabilities.
// Ties go to the lower token id. The same options and calls give the same tokens everywhere: a call
// draws one random number, or none when greedy.
//
// The logits are read where they are, once (twice without top-k), and only what can be drawn is
// sorted. Memory is allocated by the first calls only.
class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options);
  // A copy draws what the original would draw; scratch memory stays behind.
  Sampler(const Sampler& other) : options_(other.options_), rng_(other.rng_) {}
  Sampler& operator=(const Sampler& other) {
    options_ = other.options_;
    rng_ = other.rng_;
    return *this;
  }

  // `logits` [vocab_size]; `recent`: the tokens so far, newest last. Non-finite logits are
  // impossible tokens; if all are, the answer is 0. So are tokens whose bit in `mask`
  // [ceil(vocab_size / 64)], if there is one, is 0; if none is left then, the answer is -1.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> recent,
                 std::span<const uint64_t> mask = {});

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  static bool more_likely(const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  }
  bool is_allowed(std::size_t id) const {
    return mask_.empty() || (mask_[id / 64] >> (id % 64) & 1) != 0;
  }
  void penalise(std::span<const float> logits, std::span<const int32_t> recent);
  template <typename Visit>
  void visit_above(std::span<const float> logits, const float& bar, Visit visit) const;
  void keep_top(std::span<const float> logits, std::size_t k);
  void keep_possible(std::span<const float> logits, double top);
  void sort_first(std::size_t n);
  double weight(const Candidate& c, double top) const;
  double total_weight(double top) const;  // infinite if nobody asks
  int32_t draw(double top, double total);

  SamplerOptions options_;
  Rng rng_;
  std::span<const uint64_t> mask_;     // of this call; empty: all tokens are allowed
  std::vector<Candidate> penalised_;   // of seen tokens, by id
  std::vector<Candidate> candidates_;  // the first sorted_ of them likeliest first
  std::size_t sorted_ = 0;
  std::vector<double> weights_;  // of the likeliest candidates
};

}  // namespace onebit
