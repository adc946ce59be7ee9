#include "engine/scheduler.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "engine/fair_share.h"
#include "engine/steps/state.h"

namespace onebit {
namespace {

constexpr void (*kSteps[])(SchedulerState&) = {
    cancel_requests, admit_requests, plan_decode,   plan_prefill,  speculate,
    embed_prompts,   run_forward,    sample_tokens, keep_prefixes, deliver_tokens,
};

[[noreturn]] void refuse(const std::string& field, const std::string& expected,
                         const std::string& found) {
  throw Error(ErrorCode::kInvalidArgument, field + ": expected " + expected + ", found " + found);
}

void require_range(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  refuse(field, std::to_string(low) + ".." + std::to_string(high), std::to_string(value));
}

const SchedulerOptions& checked(const SchedulerOptions& o) {
  require_range("kv bytes", o.kv_bytes, 0, int64_t{1} << 56);
  require_range("running requests", o.max_running, 1, 1024);
  require_range("waiting requests", o.max_waiting, 1, 1 << 20);
  require_range("prefill tokens", o.prefill_tokens, 1, 4096);
  require_range("speculation", o.speculation, 0, 64);
  return o;
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  constexpr const char* kNames[kFinishReasons] = {"stop", "length", "context_full", "cancelled",
                                                  "error"};
  return kNames[static_cast<int>(reason)];
}

Scheduler::Scheduler(Engine& engine, const SchedulerOptions& options)
    : engine_(engine),
      options_(checked(options)),
      // Enough: for all that run, as long as texts can be, and as much again for prefixes.
      budget_(kv_budget(engine.kv_pool().shape(), options.kv_bytes,
                        2 * options.max_running * engine.model().context())),
      capacity_(std::min(engine.model().context(), budget_.positions())),
      state_(new SchedulerState{engine, options_, capacity_}) {
  engine_.kv_pool().set_limit(budget_.n_blocks);
  const auto most = static_cast<std::size_t>(options_.max_running);
  state_->batch.reserve(most);
  state_->batch_jobs.reserve(most);
  state_->turns.reserve(most);
  publish();
}

Scheduler::~Scheduler() {
  receive();
  for (Job& job : state_->running) finish(*state_, job, FinishReason::kCancelled);
  for (Job& job : state_->waiting) finish(*state_, job, FinishReason::kCancelled);
  engine_.kv_pool().set_limit(std::numeric_limits<int32_t>::max());
}

void Scheduler::check(const Request& request) const {
  const auto n = std::ssize(request.prompt);
  const std::string limit =
      std::to_string(capacity_) + " tokens (" +
      (capacity_ < engine_.model().context() ? "the memory for keys and values" : "the context") +
      ")";
  if (n < 1) refuse("prompt", "at least 1 token", "0");
  if (n > capacity_) refuse("prompt", "at most " + limit, std::to_string(n));
  if (request.max_tokens) {
    require_range("max_tokens", *request.max_tokens, 1, int64_t{1} << 53);
    if (*request.max_tokens > capacity_ - n) {
      refuse("prompt + max_tokens", "at most " + limit,
             std::to_string(n) + " + " + std::to_string(*request.max_tokens));
    }
  }
  const int64_t vocab_size = engine_.config().vocab_size;
  for (const int32_t id : request.prompt) require_range("token id", id, 0, vocab_size - 1);
  require_range("stop tokens", std::ssize(request.stop_tokens), 0, Request::kMostStopTokens);
  require_range("top_logprobs", request.top_logprobs, -1, Request::kMostTopLogprobs);
  require_range("bytes of tenant", std::ssize(request.tenant), 0, Request::kMostTenantBytes);
  check_sampler_options(request.sampling, vocab_size);
  if (!request.on_hidden) return;
  if (request.constraint) refuse("constraint", "none with on_hidden", "one");
  if (request.top_logprobs >= 0) {
    refuse("top_logprobs", "-1 with on_hidden", std::to_string(request.top_logprobs));
  }
}

void Scheduler::check(const std::vector<Request>& requests) const {
  for (const Request& request : requests) {
    check(request);
    if (request.tenant != requests.front().tenant) refuse("tenant", "one of all requests", "two");
  }
  const int64_t n_places = options_.max_running + options_.max_waiting;
  if (std::ssize(requests) > n_places) {
    refuse("requests of a call", "at most " + std::to_string(n_places) + " (that may run and wait)",
           std::to_string(requests.size()));
  }
}

std::optional<RequestId> Scheduler::submit(Request request) {
  std::vector<Request> requests;
  requests.push_back(std::move(request));
  const auto ids = submit_all(std::move(requests));
  return ids ? std::optional(ids->front()) : std::nullopt;
}

std::optional<std::vector<RequestId>> Scheduler::submit_all(std::vector<Request> requests) {
  check(requests);
  if (requests.empty()) return std::vector<RequestId>();
  const std::string tenant_name = requests.front().tenant;
  // All that the jobs need is allocated here: what has been accepted comes to its end.
  std::list<Job> arrivals;
  for (Request& request : requests) arrivals.emplace_back(std::move(request), options_, capacity_);
  const std::lock_guard lock(mutex_);
  RequestId id = last_id_;
  std::vector<RequestId> ids;
  decltype(alive_) alive;
  for (Job& job : arrivals) {
    job.id = ++id;
    ids.push_back(id);
    alive.emplace(id, false);
  }
  alive_.reserve(alive_.size() + alive.size());
  Tenant& tenant = tenants_[tenant_name];  // from here on nothing throws
  // A tenant that was not there is not refused: none stays without requests.
  if (!may_hold_more(tenant.n_alive, std::ssize(arrivals), std::ssize(tenants_),
                     options_.max_running + options_.max_waiting)) {
    return {};
  }
  tenant.n_alive += std::ssize(arrivals);
  for (Job& job : arrivals) job.tenant = &tenant;
  alive_.merge(alive);
  arrivals_.splice(arrivals_.end(), arrivals);
  last_id_ = id;
  work_.notify_one();
  return ids;
}

void Scheduler::cancel(RequestId id) {
  const std::lock_guard lock(mutex_);
  const auto job = alive_.find(id);
  if (job == alive_.end()) return;
  job->second = has_cancelled_ = true;
  work_.notify_one();
}

SchedulerStats Scheduler::stats() const {
  const std::lock_guard lock(mutex_);
  SchedulerStats stats = stats_;
  stats.waiting += std::ssize(arrivals_);
  return stats;
}

void Scheduler::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, timeout, [&] { return !arrivals_.empty() || has_cancelled_; });
}

// What other threads asked for becomes the steps' own.
void Scheduler::receive() {
  const std::lock_guard lock(mutex_);
  stats_.waiting += std::ssize(arrivals_);
  state_->waiting.splice(state_->waiting.end(), arrivals_);
  if (!std::exchange(has_cancelled_, false)) return;
  for (Job& job : state_->waiting) job.is_cancelled = alive_.at(job.id);
  for (Job& job : state_->running) job.is_cancelled = alive_.at(job.id);
}

bool Scheduler::step() {
  receive();
  if (state_->waiting.empty() && state_->running.empty()) return false;
  for (const auto run : kSteps) run(*state_);
  publish();
  return true;
}

void Scheduler::publish() {
  SchedulerStats& stats = state_->stats;
  const KvPool& pool = engine_.kv_pool();
  stats.running = std::ssize(state_->running);
  stats.waiting = std::ssize(state_->waiting);
  stats.kv_blocks = pool.limit();
  stats.kv_blocks_used = pool.n_used();
  stats.kv_blocks_cached = state_->cache.n_blocks();
  {
    const std::lock_guard lock(mutex_);
    stats_ = stats;
    for (const Job& job : state_->ended) {
      alive_.erase(job.id);
      if (--job.tenant->n_alive == 0) tenants_.erase(job.request.tenant);
    }
  }
  state_->ended.clear();
}

void Scheduler::drop_prefix_cache() {
  state_->cache.evict(state_->cache.n_blocks());
  publish();
}

}  // namespace onebit
