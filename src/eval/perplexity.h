// How well a model predicts a text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace onebit {

struct Perplexity {
  double mean_nll = 0;        // nats per scored token; the perplexity is exp of it
  double standard_error = 0;  // of mean_nll, tokens taken as independent
  int64_t scored_tokens = 0;
};

// log sum exp(logits): the logarithm of the softmax's denominator, in double.
double log_sum_exp(std::span<const float> logits);
// -log softmax(logits)[target], in double.
double negative_log_likelihood(std::span<const float> logits, int32_t target);

// Windows of `ctx` tokens, each from an empty context with `bos` >= 0 put in front of it, that
// begin `stride` tokens apart (0: ctx, so that they do not overlap); every token but the text's
// first is scored once, in the first window that reaches it. The last window may be shorter.
// on_window(done, total) reports progress. Throws Error(kInvalidArgument) unless there are >= 2
// tokens, 1 <= stride <= ctx and ctx (+ 1 with bos) <= the engine's context.
Perplexity perplexity(Engine& engine, std::span<const int32_t> tokens, int64_t ctx,
                      int32_t bos = -1, const std::function<void(int64_t, int64_t)>& on_window = {},
                      int64_t stride = 0);

// As llama-perplexity: chunks of `ctx` >= 4 tokens, the first of each replaced by `bos` >= 0, of
// which only the second half is scored: the predictions at positions ctx / 2 .. ctx - 2. What is
// left at the end is dropped. `tokens` are those of the text with BOS in front where the model
// wants it. on_chunk(done, total, so far) follows each chunk. Throws as perplexity(), and when
// there is not one whole chunk.
Perplexity chunked_perplexity(
    Engine& engine, std::span<const int32_t> tokens, int64_t ctx, int32_t bos = -1,
    const std::function<void(int64_t, int64_t, const Perplexity&)>& on_chunk = {});

// Logits of every token: [tokens, vocab_size].
std::vector<float> all_logits(Engine& engine, std::span<const int32_t> tokens);

}  // namespace onebit
