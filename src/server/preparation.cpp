#include "server/preparation.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

#include "base/error.h"

namespace onebit {
namespace {

using Clock = std::chrono::steady_clock;

// Every token is measured on its way to the endpoint.
void time_tokens(Request& request, Metrics& metrics, Clock::time_point asked) {
  if (!request.on_token) return;
  request.on_token = [inner = std::move(request.on_token), &metrics, last = asked,
                      is_first = true](const TokenEvent& event) mutable {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - std::exchange(last, now)).count();
    if (std::exchange(is_first, false)) {
      metrics.observe_first_token(seconds);
    } else {
      metrics.observe_next_token(seconds);
    }
    return inner(event);
  };
}

// One line, with nothing in it that a client wrote: errors about input may quote it.
void log_failure(const std::string& path, const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  const bool is_of_system =
      ours == nullptr || ours->code() == ErrorCode::kIo || ours->code() == ErrorCode::kOutOfMemory;
  std::fprintf(stderr, "onebit: %s failed: %s\n", path.c_str(),
               is_of_system ? error.what() : "an error about input that was not foreseen");
}

void submit(const std::shared_ptr<Reply>& reply, api::Call call, Scheduler& scheduler,
            Metrics& metrics) {
  if (call.requests.empty()) return;  // answered without the model
  for (Request& request : call.requests) time_tokens(request, metrics, reply->begun());
  if (auto ids = scheduler.submit_all(std::move(call.requests))) {
    reply->cancel_when_gone(scheduler, std::move(*ids));
  } else {
    refuse_as_busy(*reply);
  }
}

// What is read is needed no more: its memory goes back before the answer is made.
boost::json::object parsed_body(Reply& reply) {
  const http::Body body = reply.take_body();
  return api::parse_body(body.text);
}

}  // namespace

void refuse_as_busy(Reply& reply) {
  reply.end_with_error({.status = 429,
                        .message = "the server is busy: its queue is full; try again later",
                        .type = "rate_limit_error",
                        .param = {},
                        .code = "rate_limit_exceeded"},
                       {{"Retry-After", "1"}});
}

void prepare_reply(const std::shared_ptr<Reply>& reply, api::Prepare prepare,
                   const api::Service& service, Scheduler& scheduler, Metrics& metrics) {
  try {
    const auto body = parsed_body(*reply);
    submit(reply, prepare(service, body, reply->request().tenant, reply), scheduler, metrics);
  } catch (const api::ApiError& error) {
    reply->end_with_error(error);
  } catch (const std::exception& error) {
    const api::ApiError said = api::to_api_error(error);
    if (said.status >= 500) log_failure(reply->request().path, error);
    reply->end_with_error(said);
  }
}

PreparationThreads::PreparationThreads(Metrics& metrics, int64_t max_queued, int threads)
    : metrics_(metrics), max_queued_(max_queued) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

PreparationThreads::~PreparationThreads() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins
}

bool PreparationThreads::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ssize(tasks_) >= max_queued_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

int64_t PreparationThreads::n_queued() const {
  const std::lock_guard lock(mutex_);
  return std::ssize(tasks_);
}

void PreparationThreads::work() {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
      if (is_stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    if (task.reply->is_gone()) continue;
    try {
      prepare_reply(task.reply, task.prepare, *task.service, *task.scheduler, metrics_);
    } catch (const std::exception&) {  // no memory even to say so: the end of the reply is a 500
    }
  }
}

}  // namespace onebit
