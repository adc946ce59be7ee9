#include "server/reply.h"

#include <utility>

namespace onebit {

http::Response error_response(const api::ApiError& error, http::Headers headers) {
  http::Response response;
  response.status = error.status;
  response.body = error.json();
  response.headers = std::move(headers);
  return response;
}

std::string error_event(const api::ApiError& error) {
  return "data: " + error.json() + "\n\n";
}

std::shared_ptr<Reply> Reply::begin(http::ExchangePtr exchange, std::string path,
                                    Metrics& metrics) {
  const std::shared_ptr<Reply> reply(new Reply(std::move(exchange), std::move(path), metrics));
  // Weak: the answer holds the exchange, which holds this.
  reply->exchange_->on_gone([weak = std::weak_ptr<Reply>(reply)] {
    if (const auto alive = weak.lock()) alive->client_went();
  });
  return reply;
}

Reply::Reply(http::ExchangePtr exchange, std::string path, Metrics& metrics)
    : exchange_(std::move(exchange)), path_(std::move(path)), metrics_(metrics) {
  metrics_.begin_answer();
}

Reply::~Reply() {
  try {
    if (state_ == State::kNothing) {
      respond_with(error_response({.status = 500,
                                   .message = "the server failed to answer",
                                   .type = "server_error",
                                   .param = {},
                                   .code = {}}));
    }
  } catch (...) {  // no memory to say it with: the end of the exchange says it
  }
  metrics_.end_answer();
}

void Reply::respond(int status, std::string json) {
  http::Response response;
  response.status = status;
  response.body = std::move(json);
  respond_with(std::move(response));
}

void Reply::respond_with(http::Response response) {
  if (state_ != State::kNothing) return;
  state_ = State::kEnded;
  metrics_.count_answer(path_, exchange_->respond(std::move(response)));
}

void Reply::start_events() {
  if (state_ != State::kNothing) return;
  state_ = State::kEvents;
  metrics_.count_answer(path_, 200);
  exchange_->start_events();
}

bool Reply::write(std::string bytes) {
  return state_ == State::kEvents && exchange_->write(std::move(bytes));
}

void Reply::end() {
  if (state_ != State::kEvents) return;
  state_ = State::kEnded;
  exchange_->end();
}

void Reply::end_with_error(const api::ApiError& error, http::Headers headers) {
  respond_with(error_response(error, std::move(headers)));
  write(error_event(error));  // nothing happens if that was the answer
  end();
}

bool Reply::is_gone() const {
  const std::lock_guard lock(mutex_);
  return is_gone_;
}

void Reply::client_went() {
  const std::lock_guard lock(mutex_);
  is_gone_ = true;
  for (const RequestId id : requests_) scheduler_->cancel(id);
}

void Reply::cancel_when_gone(Scheduler& scheduler, std::vector<RequestId> requests) {
  const std::lock_guard lock(mutex_);
  scheduler_ = &scheduler;
  requests_ = std::move(requests);
  if (!is_gone_) return;
  for (const RequestId id : requests_) scheduler.cancel(id);
}

}  // namespace onebit
