#include "http/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <utility>

#include "http/answer.h"

namespace onebit::http {
namespace {

constexpr std::size_t kReadAhead = 16 * 1024;     // of pipelined requests, while one is answered
constexpr std::size_t kKeptCapacity = 16 * 1024;  // of buffers between answers
constexpr std::size_t kCopiedBody = 16 * 1024;    // one write of head and body is worth a copy

void shrink(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptCapacity) std::string().swap(buffer);
}

}  // namespace

void report(const ServerOptions& options, const char* where, const char* what) noexcept {
  if (!options.on_error) return;
  std::array<char, 512> line;
  std::snprintf(line.data(), line.size(), "%s: %s", where, what);
  try {
    options.on_error(line.data());
  } catch (...) {  // there is nobody else to tell
  }
}

Connection::Connection(Shared& shared, Socket socket, bool is_unix)
    : shared_(shared),
      limits_(shared.options.limits),
      socket_(std::move(socket)),
      is_unix_(is_unix) {
  ++shared_.connections;
}

Connection::~Connection() {
  --shared_.connections;
}

// Around all that others call, the event loop too. A connection whose next read or write could not
// be begun would wait for ever.
template <typename Call>
void Connection::guarded(Call call) noexcept {
  try {
    call();
  } catch (const std::exception& error) {
    close();
    report(shared_.options, "a connection was closed", error.what());
  }
}

void Connection::start() noexcept {
  guarded([this] {
    deadline_ = Clock::now() + limits_.head_timeout;
    read();
  });
}

void Connection::refuse(Response response) noexcept {
  guarded([&] {
    answer(std::move(response));
    read();
  });
}

// A read is always pending: it is how the end of the client is noticed while an answer is made.
void Connection::read() {
  if (is_reading_ || is_at_eof_ || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kAnswering && in_.size() >= kReadAhead) return;
  is_reading_ = true;
  socket_.async_read_some(boost::asio::buffer(read_buffer_),
                          [self = shared_from_this()](const auto& error, std::size_t count) {
                            self->guarded([&] { self->on_read(error, count); });
                          });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t count) {
  is_reading_ = false;
  if (phase_ == Phase::kClosed) return;
  shared_.bytes_in += static_cast<int64_t>(count);
  if (phase_ == Phase::kLingering) return error ? close() : read();
  if (error) {
    is_at_eof_ = true;
    // A client that has sent everything may still wait for an answer that is made already. For one
    // that is being made it counts as gone: whether it only half closed cannot be told.
    if (error != boost::asio::error::eof || phase_ == Phase::kReading || !outbox_->is_ended()) {
      close();
    }
    return;
  }
  in_.append(read_buffer_.data(), count);
  if (phase_ == Phase::kReading) parse();
  read();
}

void Connection::parse() {
  while (phase_ == Phase::kReading && !in_.empty()) {
    if (!intake_) {
      intake_.emplace(shared_.policy, is_unix_);
      body_ = Charge(shared_.bodies);
      deadline_ = Clock::now() + limits_.head_timeout;
    }
    const auto before = intake_->state();
    in_.erase(0, intake_->feed(in_));
    switch (intake_->state()) {
      case Intake::State::kHead:
        return;
      case Intake::State::kBody:
        if (before == Intake::State::kHead) body_begin_ = Clock::now();
        if (take_in_body()) return;
        break;
      case Intake::State::kRequest:
        dispatch();
        break;
      case Intake::State::kAnswer:
        answer(intake_->take_answer());
        break;
    }
  }
  if (phase_ == Phase::kReading && is_at_eof_) close();
}

bool Connection::take_in_body() {
  const auto size = intake_->body_size();
  body_.set(size);
  if (size > limits_.small_body && !shared_.bodies->has_room(0)) {
    auto refusal = error_response(503, "the server is receiving too much at once");
    refusal.headers.emplace_back("Retry-After", "1");
    intake_->refuse(std::move(refusal));
    answer(intake_->take_answer());
    return false;
  }
  deadline_ = body_begin_ + limits_.body_timeout +
              std::chrono::milliseconds(size * 1000 / limits_.min_body_rate);
  if (intake_->take_continue() && size == 0 && in_.empty()) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    flush();
  }
  return true;
}

void Connection::begin_answer() {
  outbox_ = std::make_shared<Outbox>(
      shared_.unread, limits_.max_unread,
      [self = shared_from_this(), executor = socket_.get_executor()] {
        boost::asio::post(executor, [self] { self->guarded([&] { self->on_wake(); }); });
      });
  phase_ = Phase::kAnswering;
  deadline_ = Clock::time_point::max();
  is_stream_ = has_ended_ = is_behind_ = false;
  if (intake_) {
    keep_alive_ = intake_->keep_alive();
    is_http10_ = intake_->is_http10();
    is_head_ = intake_->is_head();
    cors_ = intake_->take_cors();
  } else {
    keep_alive_ = is_http10_ = is_head_ = false;
  }
}

void Connection::dispatch() {
  const Route& route = intake_->route();
  begin_answer();
  try {
    Request request = intake_->take_request();
    intake_.reset();
    Charge body = std::move(body_);
    body.set(std::ssize(request.body));
    route.handler(std::make_shared<OutboxExchange>(outbox_, std::move(request), std::move(body)));
  } catch (const std::exception& error) {
    if (outbox_) outbox_->abandon();
    report(shared_.options, ("the handler of " + route.path).c_str(), error.what());
  }
  if (is_at_eof_ && outbox_ && !outbox_->is_ended()) close();
}

void Connection::answer(Response response) {
  begin_answer();
  intake_.reset();
  body_ = {};
  outbox_->respond(std::move(response));
}

void Connection::on_wake() {
  if (phase_ != Phase::kAnswering || !outbox_) return;
  if (outbox_->is_broken()) return close();
  pump();
}

// Moves what the handler has made into one write.
void Connection::pump() {
  if (is_writing_ || has_ended_) return;
  outbox_->take(batch_);
  if (batch_.response) {
    append_head(*batch_.response, false);
    if (is_head_ || batch_.response->status == 204 || batch_.response->status == 304) {
    } else if (batch_.response->body.size() <= kCopiedBody) {
      out_ += batch_.response->body;
    } else {
      out_next_ = std::move(batch_.response->body);
    }
  }
  if (batch_.events) {
    is_stream_ = true;
    ++shared_.streams;
    append_head({200, "text/event-stream", "", std::move(*batch_.events)}, true);
  }
  has_ended_ = batch_.is_end || (is_stream_ && is_head_);
  if (is_stream_ && !is_head_) append_events(batch_.bytes);
  shrink(batch_.bytes);  // what waits for a slow client waits once
  flush();
}

void Connection::append_head(const Response& response, bool is_stream) {
  keep_alive_ = keep_alive_ && !shared_.is_stopping && !(is_stream && is_http10_);
  const auto hundreds = static_cast<std::size_t>(response.status / 100);
  ++shared_.answers[hundreds < shared_.answers.size() ? hundreds : 0];
  Framing framing;
  framing.is_http10 = is_http10_;
  framing.keep_alive = keep_alive_;
  framing.is_stream = is_stream;
  framing.content_security_policy = shared_.options.content_security_policy;
  framing.cors = &cors_;
  out_ += head_text(response, framing);
}

void Connection::append_events(std::string_view bytes) {
  if (is_http10_) {  // the end of the connection is the end of the stream
    out_ += bytes;
    return;
  }
  if (!bytes.empty()) {
    std::array<char, 24> size;
    const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    out_.append(size.data(), static_cast<std::size_t>(length)).append(bytes).append("\r\n");
  }
  if (has_ended_) out_ += "0\r\n\r\n";
}

void Connection::flush() {
  if (is_writing_) return;
  if (out_.empty()) {
    is_behind_ = false;
    if (phase_ == Phase::kAnswering && has_ended_) finish_answer();
    return;
  }
  is_writing_ = true;
  const auto now = Clock::now();
  if (!std::exchange(is_behind_, true)) {
    behind_since_ = now;
    taken_since_ = 0;
  }
  // A byte now and then is not enough: what waits for the client is memory.
  const auto paid = std::chrono::milliseconds(taken_since_ * 1000 / limits_.min_answer_rate);
  write_deadline_ = std::min(now, behind_since_ + paid) + limits_.write_timeout;
  socket_.async_write_some(boost::asio::buffer(out_) + written_,
                           [self = shared_from_this()](const auto& error, std::size_t count) {
                             self->guarded([&] { self->on_write(error, count); });
                           });
}

void Connection::on_write(const boost::system::error_code& error, std::size_t count) {
  is_writing_ = false;
  write_deadline_ = Clock::time_point::max();
  if (phase_ == Phase::kClosed) return;
  if (error) return close();
  shared_.bytes_out += static_cast<int64_t>(count);
  written_ += count;
  taken_since_ += static_cast<int64_t>(count);
  if (written_ == out_.size()) {
    written_ = 0;
    shrink(out_);
    out_.swap(out_next_);
  }
  if (!out_.empty()) return flush();
  if (phase_ != Phase::kAnswering) return;
  has_ended_ ? finish_answer() : pump();
}

void Connection::finish_answer() {
  outbox_->close();
  outbox_.reset();
  if (is_stream_) --shared_.streams;
  is_stream_ = false;
  batch_ = {};
  if (!keep_alive_ || shared_.is_stopping) return linger();
  phase_ = Phase::kReading;
  deadline_ = Clock::now() + limits_.idle_timeout;
  parse();
  if (is_at_eof_ && phase_ == Phase::kReading) close();
  read();
}

void Connection::linger() {
  phase_ = Phase::kLingering;
  deadline_ = Clock::now() + limits_.linger_timeout;
  std::string().swap(in_);
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  is_at_eof_ ? close() : read();
}

void Connection::tick(Clock::time_point now) noexcept {
  guarded([&] {
    if (now >= write_deadline_) {
      close();
    } else if (now < deadline_) {
      on_wake();  // the outbox may not have been able to
    } else if (phase_ == Phase::kReading && intake_ && intake_->has_begun() && !is_writing_) {
      intake_->refuse(error_response(408, "the request did not arrive in time"));
      answer(intake_->take_answer());
    } else {
      close();
    }
  });
}

void Connection::drain() noexcept {
  if (phase_ == Phase::kReading && !intake_ && in_.empty()) close();
}

void Connection::cut() noexcept {
  guarded([this] {
    if (phase_ == Phase::kReading) {
      close();
    } else if (phase_ == Phase::kAnswering) {
      keep_alive_ = false;
      outbox_->cut(shared_.options.last_events, error_response(503, "the server is stopping"));
    }
  });
}

void Connection::close() noexcept {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();  // the last reference may be in what goes now
  phase_ = Phase::kClosed;
  boost::system::error_code ignored;
  socket_.close(ignored);
  body_ = {};
  intake_.reset();
  if (is_stream_) --shared_.streams;
  shared_.on_closed(*this);
  if (outbox_) std::exchange(outbox_, nullptr)->close();
}

}  // namespace onebit::http
