#include "http/outbox.h"

#include <utility>

#include "http/answer.h"

namespace onebit::http {
namespace {

constexpr std::size_t kKeptCapacity = 64 * 1024;  // of a buffer, for the next events

}  // namespace

// Callbacks are called and destroyed outside the lock: they may hold the exchange, whose destructor
// comes here.

// Once for all that is pending: a thread that writes many events posts one call, not one each.
void Outbox::wake() {
  if (is_woken_ || !wake_) return;
  is_woken_ = true;
  wake_();
}

void Outbox::respond(Response response) {
  std::function<void()> forgotten;
  const std::lock_guard lock(mutex_);
  if (has_left_ || is_answered_) return;
  is_answered_ = is_ended_ = true;
  pending_.response = std::move(response);
  pending_.is_end = true;
  forgotten.swap(gone_);
  wake();
}

void Outbox::start_events(Headers headers) {
  const std::lock_guard lock(mutex_);
  if (has_left_ || is_answered_) return;
  is_answered_ = has_events_ = true;
  pending_.events = std::move(headers);
  wake();
}

bool Outbox::write(std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (has_left_ || is_ended_ || is_broken_ || !has_events_) return false;
  if (held() > unread_->of_one()) {
    is_broken_ = true;
    is_woken_ = false;  // the connection looks at it even while it waits for the client
    wake();
    return false;
  }
  unread_->add(static_cast<int64_t>(bytes.size()));
  if (pending_.bytes.empty() && pending_.bytes.capacity() < bytes.size()) {
    pending_.bytes = std::move(bytes);
  } else {
    pending_.bytes += bytes;
  }
  wake();
  return true;
}

void Outbox::end() {
  std::function<void()> forgotten;
  const std::lock_guard lock(mutex_);
  if (has_left_ || is_ended_ || !has_events_) return;
  is_ended_ = pending_.is_end = true;
  forgotten.swap(gone_);
  wake();
}

void Outbox::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (is_ended_ && !has_left_) return;
    if (!has_left_) {
      gone_.swap(callback);
      return;
    }
  }
  if (callback) callback();
}

void Outbox::abandon() {
  {
    const std::lock_guard lock(mutex_);
    if (has_left_ || is_ended_) return;
    if (is_answered_) {
      is_broken_ = true;
      is_woken_ = false;
      wake();
      return;
    }
  }
  respond(error_response(500, "the server failed to answer"));
}

void Outbox::take(Batch& batch) {
  batch.response.reset();
  batch.events.reset();
  batch.bytes.clear();
  if (batch.bytes.capacity() > kKeptCapacity) std::string().swap(batch.bytes);
  batch.is_end = false;
  const std::lock_guard lock(mutex_);
  is_woken_ = false;
  std::swap(batch, pending_);
  unread_->add(-taken_);
  taken_ = static_cast<int64_t>(batch.bytes.size());
}

bool Outbox::is_broken() const {
  const std::lock_guard lock(mutex_);
  return is_broken_;
}

bool Outbox::is_ended() const {
  const std::lock_guard lock(mutex_);
  return is_ended_;
}

void Outbox::leave(std::unique_lock<std::mutex> lock) {
  const bool was_there = !std::exchange(has_left_, true);
  std::function<void()> gone;
  gone.swap(gone_);
  lock.unlock();
  if (was_there && gone) gone();
}

void Outbox::cut(const std::string& last_bytes, Response response) {
  std::unique_lock lock(mutex_);
  if (has_left_ || is_ended_) return;
  is_ended_ = pending_.is_end = true;
  if (has_events_) {
    pending_.bytes += last_bytes;
    unread_->add(static_cast<int64_t>(last_bytes.size()));
  } else {
    pending_.response = std::move(response);
  }
  wake();
  leave(std::move(lock));
}

void Outbox::close() {
  std::function<void()> wake;
  std::unique_lock lock(mutex_);
  wake.swap(wake_);
  unread_->add(-held());
  taken_ = 0;
  pending_ = {};
  if (is_ended_) return;
  leave(std::move(lock));
}

}  // namespace onebit::http
