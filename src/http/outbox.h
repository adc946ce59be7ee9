// Between a handler, on any thread, and the connection of its client, on the thread of all
// connections: the answer as far as it is made and not yet sent.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "http/budget.h"
#include "http/exchange.h"

namespace onebit::http {

class Outbox {
 public:
  // `unread`: what clients leave unread, all together. `most_unread`: bytes of events, of this one.
  // `wake` has the connection call take(); it must not block. It is never called after close(), and
  // may fail: the connection should look from time to time.
  Outbox(std::shared_ptr<Budget> unread, int64_t most_unread, std::function<void()> wake)
      : unread_(std::move(unread)),
        most_unread_(most_unread),
        wake_(std::move(wake)),
        charge_(unread_) {}

  // The handler's side: see Exchange.
  int respond(Response response);
  void start_events(Headers headers);
  bool write(std::string bytes);
  void end();
  void on_gone(std::function<void()> callback);
  // The handler will do no more: without an answer a 500; events without an end are cut off, so
  // that the client sees that something is missing.
  void abandon() noexcept;

  // The connection's side.
  struct Batch {
    std::optional<Response> response;  // the whole answer
    std::optional<Headers> events;     // or: events start
    std::string bytes;                 // events; take() reuses its memory
    bool is_end = false;
  };
  // What came since the last call. Bytes count as unread until the next call.
  void take(Batch& batch);
  // The answer cannot be completed: it was abandoned, or too much of it is unread.
  bool is_broken() const;
  bool is_ended() const;
  // Ends the answer in the handler's place, which then counts as gone: events with `last_bytes`,
  // else with `response`.
  void cut(const std::string& last_bytes, Response response);
  // Nobody reads any more.
  void close() noexcept;

 private:
  int64_t held() const { return bytes_of(pending_) + taken_; }  // that count as unread
  static int64_t bytes_of(const Batch& batch);
  void wake() noexcept;
  void leave(std::unique_lock<std::mutex> lock) noexcept;

  mutable std::mutex mutex_;
  const std::shared_ptr<Budget> unread_;
  const int64_t most_unread_;
  std::function<void()> wake_;
  std::function<void()> gone_;
  Charge charge_;  // of held()
  Batch pending_;
  int64_t taken_ = 0;  // bytes of the last batch
  int status_ = 0;     // of the answer; 0: there is none yet
  bool is_woken_ = false;
  bool has_events_ = false;
  bool is_ended_ = false;
  bool is_broken_ = false;
  bool has_left_ = false;  // nobody reads what the handler says
};

// What handlers hold. The last one to let go of it abandons the answer.
class OutboxExchange : public Exchange {
 public:
  // `body`: of the request's.
  OutboxExchange(std::shared_ptr<Outbox> outbox, Request request, Charge body)
      : outbox_(std::move(outbox)), request_(std::move(request)), body_(std::move(body)) {}
  ~OutboxExchange() override { outbox_->abandon(); }

  const Request& request() const override { return request_; }
  Body take_body() override { return {std::exchange(request_.body, {}), std::move(body_)}; }
  int respond(Response response) override { return outbox_->respond(std::move(response)); }
  void start_events(Headers headers) override { outbox_->start_events(std::move(headers)); }
  bool write(std::string bytes) override { return outbox_->write(std::move(bytes)); }
  void end() override { outbox_->end(); }
  void on_gone(std::function<void()> callback) override { outbox_->on_gone(std::move(callback)); }

 private:
  const std::shared_ptr<Outbox> outbox_;
  Request request_;
  Charge body_;
};

}  // namespace onebit::http
