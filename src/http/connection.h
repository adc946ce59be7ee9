// One client: reads requests, has them answered in their order, and writes the answers.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/intake.h"
#include "http/outbox.h"
#include "http/server.h"

namespace onebit::http {

class Connection;

// What connections share. All but the counts belongs to the thread of run().
struct Shared {
  const ServerOptions& options;
  const Policy& policy;
  std::function<void(Connection&)> on_closed;
  std::shared_ptr<Budget> bodies = std::make_shared<Budget>(options.limits.max_bodies);
  std::shared_ptr<Budget> unread = std::make_shared<Budget>(options.limits.max_all_unread);
  bool is_stopping = false;

  std::atomic<int64_t> connections{0}, accepted{0}, refused{0}, streams{0};
  std::atomic<int64_t> bytes_in{0}, bytes_out{0};
  std::array<std::atomic<int64_t>, 6> answers{};
};

// One line to options.on_error: "WHERE: WHAT". Allocates nothing by itself.
void report(const ServerOptions& options, const char* where, const char* what) noexcept;

// Nothing of it throws: what fails, for want of memory, ends this connection and no other.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Clock = std::chrono::steady_clock;

  // `shared` outlives it.
  Connection(Shared& shared, Socket socket, bool is_unix);
  ~Connection();

  void start() noexcept;
  // Instead of start(): answers the first request, unread, with this.
  void refuse(Response response) noexcept;
  // Ends what has waited too long. To be called again and again.
  void tick(Clock::time_point now) noexcept;
  // Ends now if no request is under way, else after it.
  void drain() noexcept;
  // Ends the answer under way, as options.last_events and a 503 do.
  void cut() noexcept;
  // Ends everything.
  void close() noexcept;

 private:
  enum class Phase {
    kReading,    // a request, or waits for one
    kAnswering,  // outbox_ has or gets the answer
    kLingering,  // has answered for the last time
    kClosed,
  };

  template <typename Call>
  void guarded(Call call) noexcept;
  void read();
  void on_read(const boost::system::error_code& error, std::size_t count);
  void parse();
  bool take_in_body();  // false: refused
  void begin_answer();
  void dispatch();
  void answer(Response response);
  void on_wake();
  void pump();
  void append_head(const Response& response, bool is_stream);
  void append_events(std::string_view bytes);
  void flush();
  void on_write(const boost::system::error_code& error, std::size_t count);
  void finish_answer();
  void linger();

  Shared& shared_;
  const Limits& limits_;
  Socket socket_;
  const bool is_unix_;
  Phase phase_ = Phase::kReading;
  Clock::time_point deadline_ = Clock::time_point::max();        // of the phase
  Clock::time_point write_deadline_ = Clock::time_point::max();  // of the client's next read

  // Reading
  std::optional<Intake> intake_;  // of the request that is being read
  Clock::time_point body_begin_;
  Charge body_;     // of shared_.bodies
  std::string in_;  // bytes not taken yet: of this request or, pipelined, the next ones
  bool is_reading_ = false;
  bool is_at_eof_ = false;  // the client sends no more
  std::array<char, 8192> read_buffer_;

  // Answering
  std::shared_ptr<Outbox> outbox_;
  bool keep_alive_ = false;
  bool is_http10_ = false;
  bool is_head_ = false;
  bool is_stream_ = false;
  bool has_ended_ = false;  // the end of the answer is in out_
  Headers cors_;
  Outbox::Batch batch_;
  std::string out_;       // being written
  std::string out_next_;  // then this: a large body, which is not copied behind its head
  std::size_t written_ = 0;
  bool is_writing_ = false;
  bool is_behind_ = false;  // the client: there has been something to write, without a pause,
  Clock::time_point behind_since_;
  int64_t taken_since_ = 0;  // bytes
};

}  // namespace onebit::http
