#include "server/preparation.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/fair_share.h"

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
    : metrics_(metrics), n_places_(threads + max_queued), n_threads_(threads) {
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
  const std::string& tenant = task.reply->request().tenant;
  {
    const std::lock_guard lock(mutex_);
    const auto lane = std::ranges::find(lanes_, tenant, &Lane::tenant);
    if (lane == lanes_.end()) {
      std::list<Lane> fresh;
      fresh.push_back({tenant, {}});
      fresh.back().waiting.push_back(std::move(task));
      lanes_.splice(lanes_.end(), fresh);
    } else {
      const int64_t held = lane->n_begun + std::ssize(lane->waiting);
      if (!may_hold_more(held, 1, std::ssize(lanes_), n_places_)) return false;
      lane->waiting.push_back(std::move(task));
    }
  }
  changed_.notify_one();
  return true;
}

int64_t PreparationThreads::n_queued() const {
  const std::lock_guard lock(mutex_);
  int64_t n = 0;
  for (const Lane& lane : lanes_) n += std::ssize(lane.waiting);
  return n;
}

std::list<PreparationThreads::Lane>::iterator PreparationThreads::next_lane() {
  return std::ranges::find_if(lanes_, [this](const Lane& lane) {
    // A thread is kept for the others, unless there are none: without keys all are one tenant.
    const int most = lane.tenant.empty() ? n_threads_ : std::max(1, n_threads_ - 1);
    return !lane.waiting.empty() && lane.n_begun < most;
  });
}

void PreparationThreads::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    auto lane = lanes_.end();
    changed_.wait(lock, [&] {
      lane = next_lane();
      return is_stopping_ || lane != lanes_.end();
    });
    if (is_stopping_) return;
    lanes_.splice(lanes_.end(), lanes_, lane);
    std::optional<Task> task = std::move(lane->waiting.front());
    lane->waiting.pop_front();
    ++lane->n_begun;
    lock.unlock();
    try {
      if (!task->reply->is_gone()) {
        prepare_reply(task->reply, task->prepare, *task->service, *task->scheduler, metrics_);
      }
    } catch (const std::exception&) {  // no memory even to say so: the end of the reply is a 500
    }
    task.reset();  // which may end the answer
    lock.lock();
    // What waited for this thread's tenant is next for this thread: nobody else is to be woken.
    if (--lane->n_begun == 0 && lane->waiting.empty()) lanes_.erase(lane);
  }
}

}  // namespace onebit
