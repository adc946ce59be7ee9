#include "api/generation.h"

#include <algorithm>
#include <cmath>

#include "api/grammar_cache.h"
#include "base/error.h"
#include "base/rng.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

// Answer i of a seed. The first one is what the seed gives everywhere.
uint64_t seed_of(uint64_t seed, uint64_t i) {
  return i == 0 ? seed : mix64(seed ^ mix64(i));
}

// To 3 places behind the point: times and speeds.
double rounded(double x) {
  return std::round(x * 1000) / 1000;
}

// Shared by the callbacks of all requests of a call.
class Generation {
 public:
  Generation(const GenerationOptions& options, std::unique_ptr<Writer> writer)
      : n_(static_cast<std::size_t>(options.n)), writer_(std::move(writer)) {}

  void add_choice(TextStream text) {
    texts_.push_back(std::move(text));
    ++n_open_;
  }

  bool on_token(std::size_t choice, const TokenEvent& event) {
    if (is_over_) return false;
    try {
      TextStream& text = texts_[choice];
      Piece piece = text.push(event);
      if (!piece.empty() && !writer_->add(choice, std::move(piece))) is_over_ = true;
      return !is_over_ && !text.stopped();
    } catch (const std::exception& error) {
      fail(to_api_error(error));
      return false;
    }
  }

  void on_finish(std::size_t choice, const FinishEvent& event) {
    if (is_over_) return;
    try {
      if (event.reason == FinishReason::kError || event.reason == FinishReason::kCancelled) {
        fail(error_of(event));
        return;
      }
      Piece piece = texts_[choice].finish();
      if (!piece.empty()) writer_->add(choice, std::move(piece));
      count(choice, event);
      writer_->finish(choice, event.reason, --n_open_ == 0 ? &totals_ : nullptr);
    } catch (const std::exception& error) {
      fail(to_api_error(error));
    }
  }

 private:
  void count(std::size_t choice, const FinishEvent& event) {
    if (choice % n_ == 0) {  // the others read it from the prefix cache, or beside it
      totals_.prompt_tokens += event.prompt_tokens;
      totals_.cached_tokens += event.cached_tokens;
    }
    totals_.completion_tokens += event.generated_tokens;
    totals_.first_tokens += event.generated_tokens > 0 ? 1 : 0;
    totals_.queued_seconds = std::max(totals_.queued_seconds, event.queued_seconds);
    totals_.prefill_seconds = std::max(totals_.prefill_seconds, event.prefill_seconds);
    totals_.decode_seconds = std::max(totals_.decode_seconds, event.decode_seconds);
  }

  void fail(const ApiError& error) {
    is_over_ = true;
    writer_->fail(error);
  }

  const std::size_t n_;
  std::unique_ptr<Writer> writer_;
  std::vector<TextStream> texts_;
  std::size_t n_open_ = 0;
  bool is_over_ = false;  // failed, or nobody reads
  Totals totals_;
};

}  // namespace

ApiError error_of(const FinishEvent& event) {
  if (event.error.starts_with(kGrammarErrors)) {  // what the request asked for, not the server
    return to_api_error(Error(ErrorCode::kInvalidArgument, event.error));
  }
  ApiError error;
  error.status = event.reason == FinishReason::kCancelled ? 503 : 500;
  error.type = "server_error";
  error.message =
      event.reason == FinishReason::kCancelled ? "the request was cancelled" : "the server failed";
  return error;
}

json::object usage_json(const Totals& totals) {
  return {{"prompt_tokens", totals.prompt_tokens},
          {"completion_tokens", totals.completion_tokens},
          {"total_tokens", totals.prompt_tokens + totals.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", totals.cached_tokens}}}};
}

json::object timings_json(const Totals& totals) {
  const auto per_second = [](int64_t n, double seconds) {
    return n > 0 && seconds > 0 ? rounded(static_cast<double>(n) / seconds) : 0.0;
  };
  const int64_t prompt_n = totals.prompt_tokens - totals.cached_tokens;
  return {{"prompt_n", prompt_n},
          {"cached_n", totals.cached_tokens},
          {"prompt_ms", rounded(totals.prefill_seconds * 1e3)},
          {"prompt_per_second", per_second(prompt_n, totals.prefill_seconds)},
          {"predicted_n", totals.completion_tokens},
          {"predicted_ms", rounded(totals.decode_seconds * 1e3)},
          // The first tokens belong to the prompt's time.
          {"predicted_per_second",
           per_second(totals.completion_tokens - totals.first_tokens, totals.decode_seconds)},
          {"queue_ms", rounded(totals.queued_seconds * 1e3)}};
}

void check_length(const Service& service, const std::vector<int32_t>& ids, int64_t n_answer,
                  const std::string& field) {
  const auto n = static_cast<int64_t>(ids.size());
  if (n == 0) refuse(field, "at least one token", "none");
  if (n_answer <= service.capacity - n) return;
  const std::string most = std::to_string(service.capacity) + " tokens (the context)";
  const int64_t n_least = std::min<int64_t>(n_answer, 1);
  ApiError error;
  error.code = "context_length_exceeded";
  error.param = field;
  if (n_least > service.capacity - n) {
    error.message = field + ": expected " + (n_least > 0 ? "fewer than " : "at most ") + most +
                    ", found " + std::to_string(n);
  } else {
    error.message = field + ": expected at most " + most + " with those of the answer, found " +
                    std::to_string(n) + " + " + std::to_string(n_answer);
  }
  throw error;
}

Call make_call(const Service& service, const GenerationOptions& options,
               std::vector<Prompt> prompts, std::unique_ptr<Writer> writer) {
  const Tokenizer& tokenizer = service.engine.tokenizer();
  const auto generation = std::make_shared<Generation>(options, std::move(writer));
  Call call;
  for (const Prompt& prompt : prompts) {
    check_length(service, prompt.ids, options.max_tokens.value_or(1), prompt.field);
    StreamDecoder decoder(tokenizer);
    decoder.follow(prompt.ids);
    for (int64_t i = 0; i < options.n; ++i) {
      const std::size_t choice = call.requests.size();
      onebit::Request& request = call.requests.emplace_back();
      request.prompt = prompt.ids;
      // The scheduler would give one token more, which the context need not keep: no request can
      // ask for it.
      request.max_tokens = options.max_tokens.value_or(service.capacity - std::ssize(prompt.ids));
      request.sampling = options.sampling;
      request.sampling.seed = seed_of(options.sampling.seed, static_cast<uint64_t>(i));
      request.top_logprobs = options.top_logprobs;
      request.tenant = options.tenant;
      if (prompt.masks) request.constraint = begin_text(prompt.masks, tokenizer, prompt.ids);
      generation->add_choice(TextStream(decoder, options.stops, options.top_logprobs >= 0));
      request.on_token = [generation, choice](const TokenEvent& event) {
        return generation->on_token(choice, event);
      };
      request.on_finish = [generation, choice](const FinishEvent& event) {
        generation->on_finish(choice, event);
      };
    }
  }
  return call;
}

}  // namespace onebit::api
