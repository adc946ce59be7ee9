// The loop that writes a text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/speculation.h"

namespace onebit {

// What a text may go on with, token by token: a grammar, for one.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;
  // One bit a token, as Sampler::sample takes it: what may come next. Valid until accept().
  virtual std::span<const uint64_t> mask() = 0;
  // `token`, which the mask allowed and which ends no text, comes next.
  virtual void accept(int32_t token) = 0;
};

struct GenerateStats {
  int64_t prompt_tokens = 0;  // processed now: without those that were in the sequence already
  int64_t cached_tokens = 0;  // these
  int64_t generated_tokens = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
  SpeculationStats speculation;  // of this text; steps = passes of the model after the prompt
  // kStopToken: or no token was allowed.
  enum class Stop { kLength, kStopToken, kContextFull, kCallback } stop = Stop::kLength;
};

// Samples up to `max_tokens` after `prompt` (>= 1 token), which is the whole text so far: what the
// sequence holds of its beginning is kept, all else in the sequence is forgotten. on_token is
// called for every token but a stop token; returning false ends the generation. With `speculation`
// several tokens may come of one pass; they are the same tokens. With `constraint` only tokens that
// it allows are drawn; it must be at the start of the text that follows the prompt.
GenerateStats generate(Sequence& sequence, std::span<const int32_t> prompt, int64_t max_tokens,
                       const SamplerOptions& sampling,
                       const std::function<bool(int32_t token)>& on_token,
                       Speculation* speculation = nullptr, TokenConstraint* constraint = nullptr);

}  // namespace onebit
