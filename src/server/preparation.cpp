#include "server/preparation.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

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

void submit(const std::shared_ptr<Answer>& answer, api::Call call, Scheduler& scheduler,
            Metrics& metrics, Clock::time_point asked) {
  if (call.requests.empty()) return;  // answered without the model
  for (Request& request : call.requests) time_tokens(request, metrics, asked);
  if (auto ids = scheduler.submit_all(std::move(call.requests))) {
    answer->cancel_when_gone(scheduler, std::move(*ids));
  } else {
    refuse_as_busy(*answer);
  }
}

}  // namespace

void refuse_as_busy(Answer& answer) {
  answer.end_with_error({.status = 429,
                         .message = "the server is busy: its queue is full; try again later",
                         .type = "rate_limit_error",
                         .param = {},
                         .code = "rate_limit_exceeded"},
                        {{"Retry-After", "1"}});
}

void prepare_answer(const std::shared_ptr<Answer>& answer, api::Prepare prepare,
                    const api::Service& service, Scheduler& scheduler, Metrics& metrics) {
  const auto asked = Clock::now();
  try {
    const auto body = api::parse_body(answer->request().body);
    submit(answer, prepare(service, body, answer->request().tenant, answer), scheduler, metrics,
           asked);
  } catch (const api::ApiError& error) {
    answer->end_with_error(error);
  } catch (const std::exception& error) {
    const api::ApiError said = api::to_api_error(error);
    // What is the client's fault may quote what they wrote: that is theirs to read only.
    if (said.status >= 500) {
      std::fprintf(stderr, "onebit: %s: %s\n", answer->request().path.c_str(), error.what());
    }
    answer->end_with_error(said);
  }
}

Preparation::Preparation(Metrics& metrics, int64_t max_queued, int threads)
    : metrics_(metrics), max_queued_(max_queued) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Preparation::~Preparation() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins
}

bool Preparation::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ssize(tasks_) >= max_queued_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

int64_t Preparation::n_queued() const {
  const std::lock_guard lock(mutex_);
  return std::ssize(tasks_);
}

void Preparation::work() {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
      if (is_stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    if (task.answer->is_gone()) continue;
    prepare_answer(task.answer, task.prepare, *task.service, *task.scheduler, metrics_);
  }
}

}  // namespace onebit
