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

// What a client of one request sees. It outlives the exchange.
class FakeClient {
 public:
  // The request as a handler gets it.
  http::ExchangePtr ask(std::string path, std::string body = "", std::string tenant = "");

  // Leaves: nothing that is written from now on is read.
  void leave() {
    std::function<void()> callback;
    {
      const std::lock_guard lock(mutex_);
      has_left_ = true;
      callback = std::move(on_gone_);
    }
    if (callback) callback();
  }

  // Until the answer has ended, or the exchange died; false: it took too long.
  bool wait_for_end() {
    return wait_until([this] { return has_ended_ || is_dead_; });
  }
  bool wait_for_events(std::size_t n) {
    return wait_until([this, n] { return writes_.size() >= n || has_ended_; });
  }

  // After the end.
  int status() const { return locked(status_); }  // 0: none came
  std::string body() const { return locked(body_); }
  http::Headers headers() const { return locked(headers_); }
  std::vector<std::string> writes() const { return locked(writes_); }
  bool has_ended() const { return locked(has_ended_); }

 private:
  friend class FakeExchange;
  template <typename T>
  T locked(const T& member) const {
    const std::lock_guard lock(mutex_);
    return member;
  }
  template <typename F>
  bool wait_until(F condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), condition);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> on_gone_;
  bool has_left_ = false;
  bool has_ended_ = false;
  bool is_dead_ = false;
  int status_ = 0;
  std::string body_;
  http::Headers headers_;
  std::vector<std::string> writes_;
};

class FakeExchange final : public http::Exchange {
 public:
  FakeExchange(FakeClient& client, http::Request request)
      : client_(client), request_(std::move(request)) {}
  ~FakeExchange() override {
    const std::lock_guard lock(client_.mutex_);
    client_.is_dead_ = true;
    client_.changed_.notify_all();
  }

  const http::Request& request() const override { return request_; }
  void respond(http::Response response) override {
    const std::lock_guard lock(client_.mutex_);
    client_.status_ = response.status;
    client_.body_ = std::move(response.body);
    client_.headers_ = std::move(response.headers);
    client_.has_ended_ = true;
    client_.changed_.notify_all();
  }
  void start_events(http::Headers headers) override {
    const std::lock_guard lock(client_.mutex_);
    client_.status_ = 200;
    client_.headers_ = std::move(headers);
  }
  bool write(std::string bytes) override {
    const std::lock_guard lock(client_.mutex_);
    if (client_.has_left_) return false;
    client_.writes_.push_back(std::move(bytes));
    client_.changed_.notify_all();
    return true;
  }
  void end() override {
    const std::lock_guard lock(client_.mutex_);
    client_.has_ended_ = true;
    client_.changed_.notify_all();
  }
  void on_gone(std::function<void()> callback) override {
    {
      const std::lock_guard lock(client_.mutex_);
      if (!client_.has_left_) {
        client_.on_gone_ = std::move(callback);
        return;
      }
    }
    callback();
  }

 private:
  FakeClient& client_;
  const http::Request request_;
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
    throw api::ApiError{.status = 422, .message = "no", .param = "refuse"};
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
