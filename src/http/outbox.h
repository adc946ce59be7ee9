// Between a handler, on any thread, and the connection of its client, on the thread of all
// connections: the answer as far as it is made and not yet sent.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/exchange.h"

namespace onebit::http {

// Bytes that clients leave unread: each one's, and as long as all of them together leave less than
// a bound, many; else few.
class UnreadBudget {
 public:
  UnreadBudget(int64_t most_of_one, int64_t most_of_all)
      : most_of_one_(most_of_one), most_of_all_(most_of_all) {}
  void add(int64_t bytes) { all_ += bytes; }
  int64_t of_one() const {
    return all_ < most_of_all_ ? most_of_one_ : std::min(most_of_one_, kLeastOfOne);
  }
  int64_t all() const { return all_; }

 private:
  static constexpr int64_t kLeastOfOne = 256 * 1024;
  const int64_t most_of_one_, most_of_all_;
  std::atomic<int64_t> all_ = 0;
};

class Outbox {
 public:
  // `wake` has the connection call take(); it must not block. It is never called after close().
  Outbox(std::shared_ptr<UnreadBudget> unread, std::function<void()> wake)
      : unread_(std::move(unread)), wake_(std::move(wake)) {}
  ~Outbox() { unread_->add(-held()); }

  // The handler's side: see Exchange.
  void respond(Response response);
  void start_events(Headers headers);
  bool write(std::string bytes);
  void end();
  void on_gone(std::function<void()> callback);
  // The handler will do no more: without an answer a 500; events without an end are cut off, so
  // that the client sees that something is missing.
  void abandon();

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
  void close();

 private:
  // Bytes of events that count as unread.
  int64_t held() const { return static_cast<int64_t>(pending_.bytes.size()) + taken_; }
  void wake();
  void leave(std::unique_lock<std::mutex> lock);

  mutable std::mutex mutex_;
  const std::shared_ptr<UnreadBudget> unread_;
  std::function<void()> wake_;
  std::function<void()> gone_;
  Batch pending_;
  int64_t taken_ = 0;  // bytes of the last batch
  bool is_woken_ = false;
  bool is_answered_ = false;  // responded or started
  bool has_events_ = false;
  bool is_ended_ = false;
  bool is_broken_ = false;
  bool has_left_ = false;  // nobody reads what the handler says
};

// What handlers hold. The last one to let go of it abandons the answer.
class OutboxExchange : public Exchange {
 public:
  OutboxExchange(std::shared_ptr<Outbox> outbox, Request request)
      : outbox_(std::move(outbox)), request_(std::move(request)) {}
  ~OutboxExchange() override { outbox_->abandon(); }

  const Request& request() const override { return request_; }
  void respond(Response response) override { outbox_->respond(std::move(response)); }
  void start_events(Headers headers) override { outbox_->start_events(std::move(headers)); }
  bool write(std::string bytes) override { return outbox_->write(std::move(bytes)); }
  void end() override { outbox_->end(); }
  void on_gone(std::function<void()> callback) override { outbox_->on_gone(std::move(callback)); }

 private:
  std::shared_ptr<Outbox> outbox_;
  Request request_;
};

}  // namespace onebit::http
