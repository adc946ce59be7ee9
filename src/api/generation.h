// One call of an endpoint that writes text: its requests, and what becomes of their events.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/endpoint.h"
#include "api/schema.h"
#include "api/text_stream.h"

namespace onebit {
class TokenMasks;
}

namespace onebit::api {

// What all requests of a call have in common.
struct GenerationOptions {
  SamplerOptions sampling;
  std::vector<std::string> stops;
  std::optional<int64_t> max_tokens;
  int64_t n = 1;          // answers to each prompt
  int top_logprobs = -1;  // Request::top_logprobs
  bool stream = false;
  bool include_usage = false;
  std::string tenant;
};

// Of the fields that endpoints share (generation_fields()). Throws ApiError.
GenerationOptions read_options(const Fields& fields, const Service& service,
                               const std::string& tenant);

// Of all answers of a call together.
struct Totals {
  int64_t prompt_tokens = 0;  // of each prompt once, however many answers it gets
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t first_tokens = 0;  // of these: the first of their answers
  // Of the slowest.
  double queued_seconds = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};
boost::json::object usage_json(const Totals& totals);    // as chat completions have it
boost::json::object timings_json(const Totals& totals);  // the "timings" of answers

// What a client is told of a request that failed or was cancelled.
ApiError error_of(const FinishEvent& event);

// A dialect: writes the answer. Called by one thread at a time.
class Writer {
 public:
  virtual ~Writer() = default;
  // The text of an answer goes on. False: nobody reads it.
  virtual bool add(std::size_t choice, Piece piece) = 0;
  // An answer ends. `totals`: with the last one.
  virtual void finish(std::size_t choice, FinishReason reason, const Totals* totals) = 0;
  // In place of all that would come.
  virtual void fail(const ApiError& error) = 0;
};

// A prompt, for `options.n` answers.
struct Prompt {
  std::vector<int32_t> ids;
  std::string field;                             // that it came from, for messages
  std::shared_ptr<const TokenMasks> masks = {};  // what the answers are held to; null: nothing
};

// Choice i is answer i % n to prompt i / n. Throws ApiError for prompts that do not fit.
Call make_call(const Service& service, const GenerationOptions& options,
               std::vector<Prompt> prompts, std::unique_ptr<Writer> writer);

// Throws ApiError unless a text and `n_answer` tokens behind it fit the context.
void check_length(const Service& service, const std::vector<int32_t>& ids, int64_t n_answer,
                  const std::string& field);

}  // namespace onebit::api
