// How well a model predicts a text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace onebit {

struct Perplexity {
  double mean_nll = 0;        // nats per scored token
  double standard_error = 0;  // of mean_nll, tokens taken as independent
  int64_t scored_tokens = 0;
};

// -log softmax(logits)[target], in double.
double negative_log_likelihood(std::span<const float> logits, int32_t target);

// Consecutive non-overlapping windows: window w feeds tokens [w * ctx, w * ctx + ctx) from an empty
// cache, with `bos` >= 0 put in front of each, and scores the successor of every fed text token.
// The last window may be shorter. `on_window(done, total)` reports progress. Needs >= 2 tokens and
// ctx
// (+ 1 with bos) <= the engine's context, else Error(kInvalidArgument).
Perplexity perplexity(Engine& engine, std::span<const int32_t> tokens, int64_t ctx,
                      int32_t bos = -1,
                      const std::function<void(int64_t, int64_t)>& on_window = {});

// Logits of every token: [tokens, vocab_size].
std::vector<float> all_logits(Engine& engine, std::span<const int32_t> tokens);

}  // namespace onebit
