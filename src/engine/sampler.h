// From logits to the next token.
#pragma once

#include <cstdint>
#include <limits>
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
  // Token, what is added to its logit: -100..100, so much that it rules a token out or in.
  std::vector<std::pair<int32_t, float>> logit_bias = {};
  uint64_t seed = 0;
};

// Throws Error(kInvalidArgument) "field: expected, found". Tokens of logit_bias are below
// vocab_size.
void check_sampler_options(const SamplerOptions& options,
                           int64_t vocab_size = std::numeric_limits<int32_t>::max());

// Order (vLLM's): logit bias, repetition penalty, frequency and presence penalty, temperature, then
// top-k, top-p, min-p on the resulting probabilities. Ties go to the lower token id. The same
// options and calls give the same tokens everywhere: a call draws one random number, or none when
// greedy.
//
// The logits are read where they are, once (twice without top-k), and only what can be drawn is
// sorted. Memory is allocated by the first calls, and for tokens that are new to the penalties.
class Sampler {
 public:
  // The first prompt_tokens of the text are its prompt: presence and frequency penalty are on what
  // follows only.
  explicit Sampler(const SamplerOptions& options, int64_t prompt_tokens = 0);
  // A copy draws what the original would draw; scratch memory stays behind.
  Sampler(const Sampler& other)
      : options_(other.options_),
        prompt_tokens_(other.prompt_tokens_),
        rng_(other.rng_),
        known_(other.known_),
        counted_(other.counted_) {}
  Sampler& operator=(const Sampler& other) {
    options_ = other.options_;
    prompt_tokens_ = other.prompt_tokens_;
    rng_ = other.rng_;
    known_ = other.known_;
    counted_ = other.counted_;
    return *this;
  }

  // `logits` [vocab_size]; `text`: the tokens so far, to which those of the last call still belong.
  // Non-finite logits are impossible tokens; if all are, the answer is 0. So are tokens whose bit
  // in `mask` [ceil(vocab_size / 64)], if there is one, is 0; if none is left then, the answer
  // is -1.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> text,
                 std::span<const uint64_t> mask = {});

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  // A token with a bias, or that was generated.
  struct Known {
    int32_t id;
    float bias;
    int64_t count;
  };
  static bool more_likely(const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  }
  bool is_allowed(std::size_t id) const {
    return mask_.empty() || (mask_[id / 64] >> (id % 64) & 1) != 0;
  }
  Known& known(int32_t id);
  void count(std::span<const int32_t> text);
  void adjust(std::span<const float> logits, std::span<const int32_t> text);
  float adjusted(float logit, const Known& known, bool is_recent) const;
  template <typename Visit>
  void visit_above(std::span<const float> logits, const float& bar, Visit visit) const;
  void keep_top(std::span<const float> logits, std::size_t k);
  void keep_possible(std::span<const float> logits, double top);
  void sort_first(std::size_t n);
  double weight(const Candidate& c, double top) const;
  double total_weight(double top) const;  // infinite if nobody asks
  int32_t draw(double top, double total);

  SamplerOptions options_;
  int64_t prompt_tokens_;
  Rng rng_;
  std::vector<Known> known_;           // by id
  std::size_t counted_ = 0;            // tokens after the prompt that are in known_
  std::span<const uint64_t> mask_;     // of this call; empty: all tokens are allowed
  std::vector<int32_t> recent_;        // in the window of the repetition penalty, by id
  std::vector<Candidate> adjusted_;    // tokens whose logits are not the model's, by id
  std::vector<Candidate> candidates_;  // the first sorted_ of them likeliest first
  std::size_t sorted_ = 0;
  std::vector<double> weights_;  // of the likeliest candidates
};

}  // namespace onebit
