// OpenAI's dialect, without HTTP: JSON in, requests for the scheduler out, and their events back
// into JSON.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_template.h"
#include "engine/engine.h"
#include "engine/request.h"

namespace onebit::api {

class GrammarCache;

// A refusal in OpenAI's words.
struct ApiError {
  int status = 400;
  std::string message;  // one line
  std::string type = "invalid_request_error";
  std::optional<std::string> param;  // the field: "messages[2].role"
  std::optional<std::string> code;

  // {"error": {"message", "type", "param", "code"}}
  std::string json() const;
};

// What the endpoints know of the server. Everything outlives the answers.
struct Service {
  const Engine& engine;  // its tokeniser and config only: it computes on another thread
  const ChatTemplate& chat_template;
  GrammarCache& grammars;
  std::string model;     // its name in answers; requests may name any
  int64_t created = 0;   // unix seconds of the load
  int64_t capacity = 0;  // tokens of the longest text
  std::function<std::string(std::string_view prefix)> new_id;  // "chatcmpl-..." never twice
};

// Where an answer goes. Called by one thread at a time, never blocks.
class Sink {
 public:
  virtual ~Sink() = default;
  // The whole answer, and its end.
  virtual void respond(int status, std::string json) = 0;
  // Or: events, each "data: JSON\n\n" (with "event: NAME\n" in front where the endpoint names
  // them).
  virtual void start_events() = 0;
  virtual bool write(std::string bytes) = 0;  // false: nobody reads them any more
  virtual void end() = 0;
};

// One call of an endpoint: requests for the scheduler whose callbacks write the answer to the sink.
// All must be submitted, or none (then the sink is the caller's). Without requests the answer has
// been written already.
struct Call {
  std::vector<onebit::Request> requests;
};

// Reads a body and makes the requests. Throws ApiError (by value). Any thread; may take tens of
// milliseconds (templates, tokens, grammars).
using Prepare = Call (*)(const Service& service, const boost::json::object& body,
                         const std::string& tenant, std::shared_ptr<Sink> sink);

struct Endpoint {
  std::string_view path;  // POST
  Prepare prepare;
};

// /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings, /tokenize, /detokenize.
const std::vector<Endpoint>& endpoints();

// The JSON object of a body. Throws ApiError.
boost::json::object parse_body(std::string_view text);

// An answer for what a scheduler or template threw: kInvalidArgument is a 400, all else a 500 that
// says nothing of the inside.
ApiError to_api_error(const std::exception& error);

}  // namespace onebit::api
