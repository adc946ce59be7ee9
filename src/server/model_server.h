// The whole server: backend and sockets.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "http/server.h"
#include "server/backend.h"

namespace onebit {

class ModelServer {
 public:
  // Listens and begins to load the model: until it is there, /health and all others say so with a
  // 503. What the page and a stop need is set in `http`. on_change of `backend` is called at the
  // end of a stop too. Throws as http::Server.
  ModelServer(BackendOptions backend, http::ServerOptions http);
  // Stops at once.
  ~ModelServer();

  const Backend& backend() const { return *backend_; }
  const http::Server& http() const { return *http_; }

  // No new connections and no new requests; those under way have so long to end, then streams get a
  // last event that is an error, and other requests a 503. A second call can only make it shorter.
  void stop(std::chrono::milliseconds grace);
  // Everything has been said to everyone.
  bool has_stopped() const { return has_stopped_; }

 private:
  void serve();

  std::function<void()> on_change_;
  // Its handlers run on the thread of serve(), its answers hold exchanges of the web server: so it
  // ends between these two.
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<http::Server> http_;
  std::atomic<bool> has_stopped_ = false;
  std::jthread io_thread_;
};

}  // namespace onebit
