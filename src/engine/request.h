// What a scheduler is asked for, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/generate.h"
#include "engine/logprobs.h"
#include "engine/sampler.h"

namespace onebit {

using RequestId = uint64_t;

enum class FinishReason : uint8_t {
  kStop,         // a stop token, or on_token said so
  kLength,       // max_tokens
  kContextFull,  // of a request without max_tokens
  kCancelled,
  kError,
};
inline constexpr int kFinishReasons = 5;
const char* finish_reason_name(FinishReason reason);  // stop, length, context_full, ...

struct TokenEvent {
  int32_t token;
  // With Request::top_logprobs: of the token, and of the likeliest; valid during the call.
  float logprob = 0;
  std::span<const TokenLogprob> top = {};
};

struct FinishEvent {
  FinishReason reason;
  std::string error;  // one line, with kError
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;     // of these: found in the prefix cache
  int64_t generated_tokens = 0;  // as many as on_token was called for
  int64_t preemptions = 0;
  double queued_seconds = 0;   // until it was admitted
  double prefill_seconds = 0;  // from then to the first token
  double decode_seconds = 0;   // from then on
};

struct Request {
  static constexpr int kMostTopLogprobs = 20;
  static constexpr int64_t kMostStopTokens = 256;
  static constexpr int64_t kMostTenantBytes = 256;

  std::vector<int32_t> prompt;        // at least one token
  std::optional<int64_t> max_tokens;  // at least 1; absent: to the end of the context
  SamplerOptions sampling;
  std::vector<int32_t> stop_tokens;  // besides those of the vocabulary; no events are made of them
  bool ignore_eos = false;           // the vocabulary's stop tokens are tokens as others, but not
                                     // under a constraint, which says where the text may end
  int top_logprobs = -1;             // 0..kMostTopLogprobs; -1: no logprobs
  std::string tenant;                // requests of equal tenants share their prefixes
  std::shared_ptr<TokenConstraint> constraint;  // none: any token may come; of this request alone

  // With this the request is to be embedded, not continued: the hidden states of its prompt after
  // the output norm [n, hidden_size] come here, in order, a chunk at a time; then on_finish, kStop.
  // Neither a constraint nor logprobs go with it; what else says how to continue is ignored.
  std::function<void(std::span<const float> rows)> on_hidden;

  // All are called by the thread that calls step() and must not block it. on_token comes once for
  // each token, in order; false ends the request (a stop string was found). At last on_finish comes
  // once. What the constraint, on_hidden or on_token throw (no memory, say) ends this request with
  // kError; what on_finish throws is dropped.
  std::function<bool(const TokenEvent&)> on_token;
  std::function<void(const FinishEvent&)> on_finish;
};

}  // namespace onebit
