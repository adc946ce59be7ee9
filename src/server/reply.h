// The way back from an endpoint to who asked: api::Sink over http::Exchange.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/endpoint.h"
#include "engine/scheduler.h"
#include "http/exchange.h"
#include "server/metrics.h"

namespace onebit {

// An answer that is to be given. What an endpoint writes goes to the exchange, from one thread
// after the other: that of the handler, of preparation, of computing. When the client goes, the
// requests that write the answer are cancelled.
class Reply final : public api::Sink {
 public:
  // `path`: the route's. `metrics` outlive the answer, which is counted there by the status that
  // the client got: 499 if nobody waited for it (nginx's number; nobody sees it but the metrics).
  static std::shared_ptr<Reply> begin(http::ExchangePtr exchange, std::string path,
                                      Metrics& metrics);
  ~Reply() override;  // without an answer: the client gets a 500

  const http::Request& request() const { return exchange_->request(); }
  http::Body take_body() { return exchange_->take_body(); }
  std::chrono::steady_clock::time_point begun() const { return begun_; }

  void respond(int status, std::string json) override;
  void start_events() override;
  bool write(std::string bytes) override;
  void end() override;

  // The error as the answer, or as the last event of one that has begun.
  void end_with_error(const api::ApiError& error, http::Headers headers = {});

  // The client has left. Any thread.
  bool is_gone() const;
  // From now on (and at once, if the client has left already) these end when the client goes. The
  // scheduler must outlive the exchange.
  void cancel_when_gone(Scheduler& scheduler, std::vector<RequestId> requests);

 private:
  enum class State : uint8_t { kNothing, kEvents, kEnded };

  Reply(http::ExchangePtr exchange, std::string path, Metrics& metrics);
  void respond_with(http::Response response);
  void client_went();

  const http::ExchangePtr exchange_;
  const std::string path_;
  Metrics& metrics_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  State state_ = State::kNothing;

  mutable std::mutex mutex_;  // of all below
  bool is_gone_ = false;
  Scheduler* scheduler_ = nullptr;
  std::vector<RequestId> requests_;
};

// An error as a whole answer, and as an event: "data: {"error": ...}\n\n".
http::Response error_response(const api::ApiError& error, http::Headers headers = {});
std::string error_event(const api::ApiError& error);

}  // namespace onebit
