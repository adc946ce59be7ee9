#include "server/model_server.h"

#include <cstdio>
#include <exception>
#include <utility>

#include "server/reply.h"

namespace onebit {
namespace {

// The page needs nothing but its own files and this server. Images may be in texts that models
// write, as data: never as a request to somewhere.
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void log(const char* line) {
  std::fprintf(stderr, "onebit: %s\n", line);
}

}  // namespace

ModelServer::ModelServer(BackendOptions backend, http::ServerOptions http)
    : on_change_(backend.on_change), backend_(std::make_unique<Backend>(std::move(backend))) {
  http.content_security_policy = kPagePolicy;
  http.last_events = error_event({.status = 503,
                                  .message = "the server is shutting down",
                                  .type = "server_error",
                                  .param = {},
                                  .code = "shutting_down"});
  http.on_error = log;
  http_ = std::make_unique<http::Server>(std::move(http), backend_->routes());
  backend_->set_counters([this] { return http_->counters(); });
  backend_->start();  // not before there is an address: it may take long
  io_thread_ = std::jthread([this] { serve(); });
}

ModelServer::~ModelServer() {
  stop(std::chrono::milliseconds(0));
  io_thread_.join();
  backend_.reset();
}

void ModelServer::serve() {
  try {
    http_->run();
  } catch (const std::exception& error) {
    log(error.what());
  }
  has_stopped_ = true;
  on_change_();
}

void ModelServer::stop(std::chrono::milliseconds grace) {
  backend_->drain();
  http_->stop(grace);
}

}  // namespace onebit
