// The server without its sockets: the model and the threads that serve it, and the routes to them.
//
//   I/O thread       Handlers: they only put answers into the queue of
//   preparation      bodies to requests, which go into the queue of
//   compute thread   loads the model, then runs the scheduler's steps, whose events it writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/exchange.h"
#include "http/server.h"
#include "server/metrics.h"
#include "server/preparation.h"
#include "server/served_model.h"

namespace onebit {

struct BackendOptions {
  ModelSource model;
  int64_t max_queued = 256;     // requests of a tenant that wait for preparation
  int preparation_threads = 2;  // one is kept for other tenants
  bool page = true;
  std::function<void()> on_change = [] {};  // phase() is another; any thread; must not block
  std::vector<api::Endpoint> endpoints = api::endpoints();  // others in tests
};

class Backend {
 public:
  enum class Phase : uint8_t { kLoading, kReady, kDraining, kFailed };

  explicit Backend(BackendOptions options);
  // Ends after the step and the preparations that have begun. Nobody may call handlers any more.
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // Begins to load the model, on the compute thread. Once.
  void start();

  Phase phase() const { return phase_; }
  // "loading", "ok", "draining": what /health says.
  const char* phase_name() const;
  // Why it failed, in kFailed: an exception of loading, or of the compute thread.
  std::exception_ptr failure() const;
  // Null while the model is being loaded.
  std::shared_ptr<ServedModel> model() const;

  // Everything but sockets, keys and lists of hosts. The handlers live as long as the backend.
  std::vector<http::Route> routes();

  // From now on requests for the model get a 503; those that have begun go on.
  void drain();

  // For /metrics; before the first request.
  void set_counters(std::function<http::Counters()> counters) { counters_ = std::move(counters); }

 private:
  void compute(const std::stop_token& stop);

  http::Handler counted(const std::string& path, std::function<http::Response()> respond);
  http::Handler posted(const api::Endpoint& endpoint);
  http::Response health() const;
  http::Response models(bool is_list) const;
  http::Response metrics_page() const;
  http::Response unavailable() const;

  const BackendOptions options_;
  Metrics metrics_;
  std::function<http::Counters()> counters_ = [] { return http::Counters{}; };
  std::atomic<Phase> phase_ = Phase::kLoading;

  mutable std::mutex mutex_;  // of these two
  std::shared_ptr<ServedModel> model_;
  std::exception_ptr failure_;

  // The last members: their threads end first, preparation before computing.
  std::jthread compute_thread_;
  std::unique_ptr<PreparationThreads> preparation_;
};

}  // namespace onebit
