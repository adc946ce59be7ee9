// A request from its bytes to the decision what becomes of it: parse, guard, route, limits. No
// sockets, no time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "http/guard.h"
#include "http/request_parser.h"
#include "http/router.h"

namespace onebit::http {

// What all requests are held against.
struct Policy {
  Guard guard;
  Router router;
  std::size_t max_head = 16 * 1024;
};

// One request.
class Intake {
 public:
  enum class State {
    kHead,     // the head is not whole
    kBody,     // the request is welcome; its body is not whole
    kRequest,  // whole: take_request(), route()
    kAnswer,   // no handler's matter: take_answer()
  };

  Intake(const Policy& policy, bool is_local);

  // Takes bytes from the front and returns how many, as RequestParser::parse().
  std::size_t feed(std::string_view bytes);
  // Ends it with this answer.
  void refuse(Response response);

  State state() const { return state_; }
  bool has_begun() const { return parser_.has_begun(); }
  // The client waits for "100 Continue" before it sends the body. Once.
  bool take_continue();
  int64_t body_size() const { return parser_.body_size(); }

  const Route& route() const { return *route_; }
  Request take_request();
  Response take_answer() { return std::move(answer_); }

  // How to answer.
  bool keep_alive() const { return keep_alive_; }
  bool is_http10() const { return parser_.head().is_http10; }
  bool is_head() const { return parser_.head().method == "HEAD"; }
  Headers take_cors() { return std::move(cors_); }

 private:
  void on_head();

  const Policy& policy_;
  bool is_local_;
  RequestParser parser_;
  State state_ = State::kHead;
  bool keep_alive_ = false;
  bool wants_continue_ = false;
  const Route* route_ = nullptr;
  Request request_;
  Response answer_;
  Headers cors_;
};

}  // namespace onebit::http
