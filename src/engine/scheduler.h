// Continuous batching (Yu et al., Orca, OSDI 2022): many requests on one engine, a forward pass of
// all of them at a time. What a request gets does not depend on its company: it is what generate()
// writes for it alone, to the token.
//
//   Scheduler scheduler(engine, {});
//   while (!stopping) if (!scheduler.step()) scheduler.wait(timeout);   // the compute thread
//   scheduler.submit(request);  scheduler.cancel(id);                   // any thread
//
// Requests of a tenant are admitted in the order in which they came; among tenants, first of the
// one that runs least. Prompts are read in blocks beside the others' decoding: tenants take turns,
// and of each the prompt with the fewest tokens left and the one that came first. When blocks of
// keys and values run out, cached prefixes go first, then the request admitted last of the tenant
// that runs most waits again, in front of the tenant's others; it reads its tokens once more. So it
// does for the first request of another tenant that has nothing running.
//
// When memory runs out elsewhere (std::bad_alloc) the requests concerned end with kError, and the
// others go on: step() does not throw.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "engine/engine.h"
#include "engine/kv_budget.h"
#include "engine/request.h"

namespace onebit {

struct SchedulerOptions {
  // Memory for keys and values; 0: half of what is left, or less if twice as many texts as run
  // together, of the whole context each, take less.
  int64_t kv_bytes = 0;
  int64_t max_running = 32;     // requests that share forward passes
  int64_t max_waiting = 256;    // that one tenant may have beside these (fair_share.h)
  int64_t prefill_tokens = 64;  // of prompts in a step in which others decode; else the engine's
                                // prefill_chunk
  bool prefix_cache = true;
  // Guesses of a request's next tokens in a step, at most (n-grams, speculation.h), in steps in
  // which few requests run and none reads a prompt; 0: off. They change no token.
  int64_t speculation = 0;
  bool adaptive_speculation = true;  // only as many as pay; else all that there are
};

// Counters since the start, and how things stand.
struct SchedulerStats {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t steps = 0;          // forward passes of all
  int64_t prompt_tokens = 0;  // read, those read again after a preemption too
  int64_t cached_tokens = 0;  // found in the prefix cache instead
  int64_t generated_tokens = 0;
  int64_t drafted_tokens = 0;   // guessed
  int64_t accepted_tokens = 0;  // of these, rightly; generated_tokens has them too
  int64_t preemptions = 0;
  int64_t evicted_blocks = 0;                         // of the prefix cache
  std::array<int64_t, kFinishReasons> finished = {};  // by FinishReason
  int64_t kv_blocks = 0;                              // the budget
  int64_t kv_blocks_used = 0;
  int64_t kv_blocks_cached = 0;  // of these: in the prefix cache, maybe in use as well
};

// Whose requests share their prefixes, and are equal to those of others.
struct Tenant {
  int64_t n_alive = 0;  // requests accepted, not finished; under the scheduler's mutex
  // The compute thread's:
  int64_t last_read = 0;       // when it read a block of a prompt: so many had been read by all
  bool reads_shortest = true;  // next, of its prompts
};

struct Job;
struct SchedulerState;

class Scheduler {
 public:
  // The engine is the scheduler's for its lifetime; what others do with it between steps must leave
  // room in its KvPool. Throws Error(kInvalidArgument) for options out of range and memory that
  // holds no block.
  Scheduler(Engine& engine, const SchedulerOptions& options);
  // Requests that are still here end with kCancelled.
  ~Scheduler();

  const KvBudget& budget() const { return budget_; }
  // The longest text that fits: the model's context, or less if the budget is less.
  int64_t capacity() const { return capacity_; }

  // From any thread. Nothing: there is no place now, of max_running + max_waiting that the tenants
  // share (fair_share.h). Throws Error(kInvalidArgument) "field: expected, found" for a request
  // that could never run, std::bad_alloc.
  std::optional<RequestId> submit(Request request);
  // All of them or none; no step comes between. They are of one tenant, and no more than there are
  // places.
  std::optional<std::vector<RequestId>> submit_all(std::vector<Request> requests);
  // From any thread. The request ends within the next step with kCancelled; nothing happens if it
  // has ended already.
  void cancel(RequestId id);
  SchedulerStats stats() const;

  // The compute thread's: one forward pass and what belongs to it. False: there was nothing to do.
  bool step();
  // Sleeps until there may be something to do, at most this long.
  void wait(std::chrono::milliseconds timeout);
  // Gives back the blocks of the prefix cache that no request holds.
  void drop_prefix_cache();

 private:
  void check(const Request& request) const;
  void check(const std::vector<Request>& requests) const;
  void receive();
  void publish();

  Engine& engine_;
  const SchedulerOptions options_;
  KvBudget budget_;
  int64_t capacity_;
  std::unique_ptr<SchedulerState> state_;  // the compute thread's

  mutable std::mutex mutex_;  // of all below
  std::condition_variable work_;
  std::list<Job> arrivals_;
  std::unordered_map<RequestId, bool> alive_;        // accepted, not finished; whether cancelled
  std::unordered_map<std::string, Tenant> tenants_;  // of these
  bool has_cancelled_ = false;                       // since the last step
  RequestId last_id_ = 0;
  SchedulerStats stats_;  // of the last step
};

}  // namespace onebit
