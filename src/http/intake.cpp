#include "http/intake.h"

#include <strings.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "http/answer.h"

namespace onebit::http {
namespace {

// The absolute form "http://host/path", which RFC 9112, 3.2.2 wants understood, becomes "/path".
// False: the target is no path of this host.
bool to_path(std::string& target, const std::optional<std::string>& host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (strncasecmp(target.c_str(), scheme.data(), scheme.size()) != 0) continue;
    const auto end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    const std::string authority = target.substr(scheme.size(), end - scheme.size());
    if (!host || strcasecmp(authority.c_str(), host->c_str()) != 0) return false;
    target.erase(0, end);
    if (!target.starts_with('/')) target.insert(0, "/");
  }
  return target.starts_with('/');
}

}  // namespace

Intake::Intake(const Policy& policy, bool is_local)
    : policy_(policy), is_local_(is_local), parser_(policy.max_head) {}

void Intake::refuse(Response response) {
  state_ = State::kAnswer;
  answer_ = std::move(response);
  // What follows is the rest of a request that nobody reads, or from a client that is confused.
  if (parser_.state() != RequestParser::State::kDone || answer_.status == 400) {
    keep_alive_ = false;
  }
}

bool Intake::take_continue() {
  return std::exchange(wants_continue_, false);
}

Request Intake::take_request() {
  request_.body = parser_.take_body();
  return std::move(request_);
}

std::size_t Intake::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == State::kHead || state_ == State::kBody) {
    const auto before = parser_.state();
    taken += parser_.parse(bytes.substr(taken));
    switch (parser_.state()) {
      case RequestParser::State::kFailed:
        refuse(error_response(parser_.error().status, parser_.error().message));
        break;
      case RequestParser::State::kHead:
        return taken;
      case RequestParser::State::kHeadDone:
        on_head();
        break;
      case RequestParser::State::kBody:
        return taken;
      case RequestParser::State::kDone:
        if (before == RequestParser::State::kHead) on_head();
        if (state_ != State::kAnswer) state_ = State::kRequest;
        break;
    }
  }
  return taken;
}

void Intake::on_head() {
  const Head& head = parser_.head();
  keep_alive_ = head.keep_alive;
  request_.method = head.method;
  std::string target = head.target;
  if (!head.host && !head.is_http10) return refuse(error_response(400, "expected a field Host"));
  if (target != "*" || head.method != "OPTIONS") {
    if (!to_path(target, head.host)) {
      return refuse(error_response(400, "expected a path as the target of the request"));
    }
  }
  const auto question = std::min(target.find('?'), target.size());
  request_.path = target.substr(0, question);
  if (question < target.size()) request_.query = target.substr(question + 1);

  const auto& routes = policy_.router.routes(request_.path);
  const Route* route = Router::find(routes, head.method);
  auto verdict = policy_.guard.check(head, is_local_, route != nullptr && route->is_public);
  cors_ = std::move(verdict.cors);
  request_.tenant = std::move(verdict.tenant);
  if (verdict.refusal) return refuse(*std::move(verdict.refusal));

  const auto with_allow = [&](Response response) {
    response.headers.emplace_back("Allow", Router::allow(routes));
    return response;
  };
  if (request_.path == "*") {
    return refuse({204, "", "", {{"Allow", "GET, HEAD, POST, OPTIONS"}}});
  }
  if (routes.empty()) {
    return refuse(error_response(404, "there is no " + quote(request_.path), "unknown_url"));
  }
  if (route == nullptr) {
    if (head.method == "OPTIONS") return refuse(with_allow({204, "", "", {}}));
    return refuse(with_allow(error_response(
        405, "expected " + Router::allow(routes) + ", found " + quote(head.method))));
  }
  route_ = route;
  if (head.has_body()) {
    parser_.limit_body(route->max_body);
    if (parser_.state() == RequestParser::State::kFailed) {
      return refuse(error_response(parser_.error().status, parser_.error().message));
    }
  }
  if (head.expect && !head.is_http10) {
    if (strcasecmp(head.expect->c_str(), "100-continue") != 0) {
      return refuse(error_response(417, "expected nothing but 100-continue in Expect"));
    }
    wants_continue_ = head.has_body();
  }
  state_ = State::kBody;
}

}  // namespace onebit::http
