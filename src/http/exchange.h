// A request and the way back to who asked: what the web server gives to its handlers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/budget.h"

namespace onebit::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // as sent: "GET"
  std::string path;    // of the target, without the query; decoded nowhere: routes are plain ASCII
  std::string query;   // after '?', without it
  std::string body;    // whole, within the route's limit
  std::string tenant;  // who asks: of equal API keys, equal; "" where no key is asked for
};

// The body of a request. As long as it lives it counts among those that the server holds.
struct Body {
  std::string text;
  Charge charge;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Headers headers;  // besides content-type, content-length and those of every answer
};

// Any thread may call any of it, one at a time for one exchange; nothing blocks. The answer is
// either respond(), or start_events(), write()... and end(). What comes after the end, or when
// nobody is there any more, is dropped.
class Exchange {
 public:
  virtual ~Exchange() = default;  // without an answer: the client gets a 500

  virtual const Request& request() const = 0;
  // The body, which request() then has no more: to be let go when it is read.
  virtual Body take_body() = 0;

  // Returns the status that the client gets: another one if it has its answer already (a stop said
  // 503) or if clients leave too much unread (503); 499 if nobody waits for one.
  virtual int respond(Response response) = 0;

  // 200, text/event-stream, no caching.
  virtual void start_events(Headers headers = {}) = 0;
  // Bytes of whole events. False: nobody reads them any more. A client that leaves more than the
  // server's limit of bytes unread counts as gone.
  virtual bool write(std::string bytes) = 0;
  virtual void end() = 0;

  // Called once, by any thread, if the client goes before the end of the answer; at once if it has
  // gone already. Set once.
  virtual void on_gone(std::function<void()> callback) = 0;
};

using ExchangePtr = std::shared_ptr<Exchange>;
// Must not block: it runs on the thread that serves all connections. What it throws becomes a 500.
using Handler = std::function<void(ExchangePtr)>;

struct Route {
  std::string method;  // that of GET answers HEAD too
  std::string path;    // exactly
  Handler handler;
  int64_t max_body = 0;    // bytes; more: 413
  bool is_public = false;  // no API key is asked for (the page, /health)
};

}  // namespace onebit::http
