// A web server: HTTP/1.1 on TCP and unix sockets, for handlers that answer from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/guard.h"

namespace onebit::http {

// Where to listen: a host and port, or a unix socket.
struct Address {
  std::string host = "127.0.0.1";  // an IP address, or a name of this machine
  int port = 0;                    // 0: any free one
  std::string unix_path;           // not empty: a socket in the file system, mode 0600, instead
};

// What a client may use up. Nobody waits for ever, and nothing grows without a bound.
struct Limits {
  using Time = std::chrono::milliseconds;

  int64_t max_connections = 4096;     // more: 503, and the connection ends
  int64_t max_head = 16 * 1024;       // bytes of request line and fields; more: 431
  int64_t max_bodies = 256LL << 20;   // bytes of all bodies that no handler has read yet; more: 503
  int64_t small_body = 256 << 10;     // is taken in whatever others have sent
  Time head_timeout{10'000};          // for a whole head, however it drips in; then 408
  Time body_timeout{10'000};          // for a body,
  int64_t min_body_rate = 16 * 1024;  // and a second more for every so many bytes of it; then 408
  Time idle_timeout{75'000};          // between requests; more than proxies wait, which is 60 s

  // Bytes of a stream that a client leaves unread (besides what sockets hold): more, and it is gone
  // at once, since what it has missed cannot be made up for. While all clients together leave more
  // than max_all_unread, it is 256 KiB, and a whole answer of more than that becomes a 503.
  int64_t max_unread = 4 << 20;
  int64_t max_all_unread = 256 << 20;
  int send_buffer = 128 * 1024;  // bytes that the kernel holds for a client
  // A client that has something to read is closed when it has taken no byte for so long, or so long
  // after it should have had what it has at so many bytes a second.
  Time write_timeout{30'000};
  int64_t min_answer_rate = 16 * 1024;

  // Before a close, what still arrives is read and dropped for so long: a close with bytes unread
  // is a reset, which can overtake the answer.
  Time linger_timeout{2'000};
};

struct ServerOptions {
  std::vector<Address> addresses = {Address{}};
  GuardOptions guard;
  bool allow_public = false;  // serve other machines without keys
  Limits limits;
  // Of text/html, unless a response has its own.
  std::string content_security_policy = "default-src 'none'; frame-ancestors 'none'";
  // Ends streams that are cut off by a stop: whole events.
  std::string last_events;
  // One line about what went wrong with the listener, a connection or a handler; never about what a
  // client sent. On the thread of run().
  std::function<void(const char* line)> on_error;
};

struct Counters {
  int64_t connections = 0;  // open now
  int64_t accepted = 0;     // ever
  int64_t refused = 0;      // of those, over max_connections
  int64_t streams = 0;      // answers of events, open now
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
  int64_t answers[6] = {};  // by the hundreds of their status: answers[2] were successes
};

class Server {
 public:
  // Listens. Throws Error: kInvalidArgument where the options are at fault (an address that others
  // can reach without keys, an address in use), kIo where the system is; the line names the
  // address. Raises the process's soft limit of open files to the hard one. A unix socket that is
  // there already is replaced if nobody answers on it.
  Server(ServerOptions options, std::vector<Route> routes);
  // Closes what is open, as stop(0) does.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves on this thread until stop(). Once.
  void run();

  // No new connections; answers under way have so long to end, then streams are ended with
  // `last_events`, other requests are answered 503, and run() returns. Again: the shorter of the
  // two. Any thread, and safe in a signal handler.
  void stop(std::chrono::milliseconds grace) noexcept;

  // The port of the first address of TCP; 0 without one.
  int port() const;
  // "http://127.0.0.1:8080", "unix:/run/onebit.sock": one for each address.
  std::vector<std::string> names() const;

  // Any thread.
  Counters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace onebit::http
