#include "http/outbox.h"

#include <algorithm>
#include <utility>

#include "http/answer.h"

namespace onebit::http {
namespace {

constexpr std::size_t kKeptBatch = 64 * 1024;  // of a buffer, for the next events
// What every client may leave unread, however much the others do.
constexpr int64_t kLeastUnread = 256 * 1024;

}  // namespace

// Callbacks are called and destroyed outside the lock: they may hold the exchange, whose destructor
// comes here.

// Once for all that is pending: a thread that writes many events posts one call, not one each.
void Outbox::wake() noexcept {
  if (is_woken_ || !wake_) return;
  try {
    wake_();
    is_woken_ = true;
  } catch (...) {  // no memory for the call: the connection looks at its next tick
  }
}

int64_t Outbox::bytes_of(const Batch& batch) {
  return static_cast<int64_t>(batch.bytes.size()) +
         (batch.response ? static_cast<int64_t>(batch.response->body.size()) : 0);
}

int Outbox::respond(Response response) {
  std::function<void()> forgotten;
  const std::lock_guard lock(mutex_);
  if (status_ != 0) return status_;
  const auto size = static_cast<int64_t>(response.body.size());
  if (size > kLeastUnread && !unread_->has_room(size)) {
    response = error_response(503, "clients leave too much of their answers unread");
    response.headers.emplace_back("Retry-After", "1");
  }
  status_ = response.status;
  is_ended_ = pending_.is_end = true;
  pending_.response = std::move(response);
  charge_.set(held());
  forgotten.swap(gone_);
  wake();
  return status_;
}

void Outbox::start_events(Headers headers) {
  const std::lock_guard lock(mutex_);
  if (status_ != 0) return;
  status_ = 200;
  has_events_ = true;
  pending_.events = std::move(headers);
  wake();
}

bool Outbox::write(std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (has_left_ || is_ended_ || is_broken_ || !has_events_) return false;
  const int64_t most = unread_->has_room(1) ? most_unread_ : std::min(most_unread_, kLeastUnread);
  if (held() > most) {
    is_broken_ = true;
    is_woken_ = false;  // the connection looks at it even while it waits for the client
    wake();
    return false;
  }
  if (pending_.bytes.empty() && pending_.bytes.capacity() < bytes.size()) {
    pending_.bytes = std::move(bytes);
  } else {
    pending_.bytes += bytes;
  }
  charge_.set(held());
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

// Allocates nothing: it may be for want of memory that there is no answer.
void Outbox::abandon() noexcept {
  std::function<void()> forgotten;
  const std::lock_guard lock(mutex_);
  if (has_left_ || is_ended_) return;
  if (has_events_) {
    is_broken_ = true;
    is_woken_ = false;
  } else {
    status_ = 500;
    is_ended_ = pending_.is_end = true;  // take() says it
    forgotten.swap(gone_);
  }
  wake();
}

void Outbox::take(Batch& batch) {
  batch.response.reset();
  batch.events.reset();
  batch.bytes.clear();
  if (batch.bytes.capacity() > kKeptBatch) std::string().swap(batch.bytes);
  batch.is_end = false;
  const std::lock_guard lock(mutex_);
  is_woken_ = false;
  if (pending_.is_end && !has_events_ && !pending_.response) {
    pending_.response = error_response(500, "the server failed to answer");
  }
  std::swap(batch, pending_);
  taken_ = bytes_of(batch);
  charge_.set(held());
}

bool Outbox::is_broken() const {
  const std::lock_guard lock(mutex_);
  return is_broken_;
}

bool Outbox::is_ended() const {
  const std::lock_guard lock(mutex_);
  return is_ended_;
}

void Outbox::leave(std::unique_lock<std::mutex> lock) noexcept {
  const bool was_there = !std::exchange(has_left_, true);
  std::function<void()> gone;
  gone.swap(gone_);
  lock.unlock();
  try {
    if (was_there && gone) gone();
  } catch (...) {  // the handler hears it from its next write()
  }
}

void Outbox::cut(const std::string& last_bytes, Response response) {
  std::unique_lock lock(mutex_);
  if (has_left_ || is_ended_) return;
  if (has_events_) {
    pending_.bytes += last_bytes;
  } else {
    status_ = response.status;
    pending_.response = std::move(response);
  }
  is_ended_ = pending_.is_end = true;
  charge_.set(held());
  wake();
  leave(std::move(lock));
}

void Outbox::close() noexcept {
  std::function<void()> wake;
  std::unique_lock lock(mutex_);
  wake.swap(wake_);
  taken_ = 0;
  pending_ = {};
  charge_.set(0);
  if (status_ == 0) status_ = 499;  // nginx's number: the client left first
  if (is_ended_) return;
  leave(std::move(lock));
}

}  // namespace onebit::http
