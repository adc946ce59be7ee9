// For tests: a client without a socket, and an endpoint without JSON to speak of.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "api/endpoint.h"
#include "http/exchange.h"

namespace onebit {

// What a client of one request sees.
class FakeClient {
 public:
  // The request as a handler gets it.
  http::ExchangePtr ask(std::string path, std::string body = "", std::string tenant = "");

  // Leaves: nothing that is written from now on is read.
  void leave() {
    std::function<void()> callback;
    {
      const std::lock_guard lock(seen_->mutex);
      seen_->has_left = true;
      callback = std::move(seen_->on_gone);
    }
    if (callback) callback();
  }

  // Until the answer has ended, or the exchange died; false: it took too long.
  bool wait_for_end() {
    return wait_until([this] { return seen_->has_ended || seen_->is_dead; });
  }
  bool wait_for_events(std::size_t n) {
    return wait_until([this, n] { return seen_->writes.size() >= n || seen_->has_ended; });
  }

  int status() const { return locked(seen_->status); }  // 0: none came
  std::string body() const { return locked(seen_->body); }
  http::Headers headers() const { return locked(seen_->headers); }
  std::vector<std::string> writes() const { return locked(seen_->writes); }
  bool has_ended() const { return locked(seen_->has_ended); }

 private:
  friend class FakeExchange;
  struct Seen {  // the exchange may outlive the client
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void()> on_gone;
    bool has_left = false;
    bool has_ended = false;
    bool is_dead = false;
    int status = 0;
    std::string body;
    http::Headers headers;
    std::vector<std::string> writes;
  };
  template <typename T>
  T locked(const T& member) const {
    const std::lock_guard lock(seen_->mutex);
    return member;
  }
  template <typename F>
  bool wait_until(F condition) {
    std::unique_lock lock(seen_->mutex);
    return seen_->changed.wait_for(lock, std::chrono::seconds(60), condition);
  }

  const std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
};

class FakeExchange final : public http::Exchange {
 public:
  FakeExchange(const FakeClient& client, http::Request request)
      : seen_(client.seen_), request_(std::move(request)) {}
  ~FakeExchange() override {
    const std::lock_guard lock(seen_->mutex);
    seen_->is_dead = true;
    seen_->changed.notify_all();
  }

  const http::Request& request() const override { return request_; }
  http::Body take_body() override { return {std::exchange(request_.body, {}), {}}; }
  int respond(http::Response response) override {
    const std::lock_guard lock(seen_->mutex);
    if (seen_->has_left || seen_->has_ended) return seen_->has_left ? 499 : seen_->status;
    seen_->status = response.status;
    seen_->body = std::move(response.body);
    seen_->headers = std::move(response.headers);
    seen_->has_ended = true;
    seen_->changed.notify_all();
    return seen_->status;
  }
  void start_events(http::Headers headers) override {
    const std::lock_guard lock(seen_->mutex);
    seen_->status = 200;
    seen_->headers = std::move(headers);
  }
  bool write(std::string bytes) override {
    const std::lock_guard lock(seen_->mutex);
    if (seen_->has_left) return false;
    seen_->writes.push_back(std::move(bytes));
    seen_->changed.notify_all();
    return true;
  }
  void end() override {
    const std::lock_guard lock(seen_->mutex);
    seen_->has_ended = true;
    seen_->changed.notify_all();
  }
  void on_gone(std::function<void()> callback) override {
    {
      const std::lock_guard lock(seen_->mutex);
      if (!seen_->has_left) {
        seen_->on_gone = std::move(callback);
        return;
      }
    }
    callback();
  }

 private:
  const std::shared_ptr<FakeClient::Seen> seen_;
  http::Request request_;
};

inline http::ExchangePtr FakeClient::ask(std::string path, std::string body, std::string tenant) {
  return std::make_shared<FakeExchange>(*this, http::Request{.method = "POST",
                                                             .path = std::move(path),
                                                             .query = "",
                                                             .body = std::move(body),
                                                             .tenant = std::move(tenant)});
}

// An endpoint: {"prompt": N equal tokens, "max_tokens", "n", "refuse", "throw"} to a stream of
// tokens, each an event of its own; the last event is the reason of the finish.
inline api::Call fake_prepare(const api::Service&, const boost::json::object& body,
                              const std::string& tenant, std::shared_ptr<api::Sink> sink) {
  const auto number = [&](const char* key, int64_t absent) {
    return body.contains(key) ? body.at(key).as_int64() : absent;
  };
  if (body.contains("refuse"))
    throw api::ApiError{400, "no", "invalid_request_error", "refuse", {}};
  if (body.contains("throw")) throw std::runtime_error("the inside");
  if (body.contains("answer")) {
    sink->respond(200, "{}");
    return {};
  }
  struct Stream {
    std::shared_ptr<api::Sink> sink;
    int64_t left;
    bool has_begun = false;
    void write(const std::string& text) {
      if (!std::exchange(has_begun, true)) sink->start_events();
      sink->write(text);
    }
  };
  const int64_t n = number("n", 1);
  const auto stream = std::make_shared<Stream>(Stream{std::move(sink), n});
  api::Call call;
  for (int64_t i = 0; i < n; ++i) {
    Request request;
    request.prompt.assign(static_cast<std::size_t>(number("prompt", 4)), 5);
    request.max_tokens = number("max_tokens", 8);
    request.ignore_eos = true;
    request.tenant = tenant;
    request.sampling.seed = static_cast<uint64_t>(number("seed", 1));
    request.on_token = [stream](const TokenEvent& event) {
      stream->write(std::to_string(event.token));
      return true;
    };
    request.on_finish = [stream](const FinishEvent& event) {
      stream->write(finish_reason_name(event.reason));
      if (--stream->left == 0) stream->sink->end();
    };
    call.requests.push_back(std::move(request));
  }
  return call;
}

}  // namespace onebit
