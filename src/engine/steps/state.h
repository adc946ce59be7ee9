// What the steps of a scheduler work on.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/prefix_cache.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"

namespace onebit {

using SchedulerClock = std::chrono::steady_clock;

// A request on its way.
struct Job {
  Job(RequestId its_id, Request its_request, SchedulerClock::time_point time)
      : id(its_id), request(std::move(its_request)), sampler(request.sampling), submitted(time) {}

  RequestId id;
  Request request;
  int64_t max_tokens = 0;       // what the request asks for, or more than there is room for
  Sampler sampler;              // stays when the job is preempted: so do its random numbers
  std::vector<int32_t> tokens;  // prompt and answer
  int64_t generated = 0;
  int64_t cached_tokens = 0;
  int64_t preemptions = 0;
  SchedulerClock::time_point submitted;
  std::optional<SchedulerClock::time_point> admitted, first_token;

  // While it runs.
  std::optional<Sequence> sequence;
  int64_t n_next = 0;       // tokens that it appends in this step
  int64_t served_step = 0;  // when it last read a chunk of its prompt

  // Drawn in this step.
  int32_t drawn = 0;
  Logprobs logprobs;

  bool is_finished = false;  // to be swept out

  // Tokens whose keys and values are not there yet: one while it decodes.
  int64_t n_pending() const { return std::ssize(tokens) - sequence->length(); }
  // Blocks that it will take until it has read all its tokens.
  int64_t blocks_to_come() const { return sequence->blocks_needed(n_pending()); }
};

struct SchedulerState {
  Engine& engine;
  const SchedulerOptions& options;
  int64_t capacity;  // positions of a text
  PrefixCache cache{engine.kv_pool()};
  std::deque<std::unique_ptr<Job>> waiting = {};   // first come first; preempted ones in front
  std::vector<std::unique_ptr<Job>> running = {};  // in the order of admission
  std::unordered_set<RequestId> cancelled = {};    // asked for since the last step
  std::vector<RequestId> finished = {};            // in this step
  std::vector<Engine::Append> batch = {};          // of this step
  std::vector<Job*> batch_jobs = {};               // of the batch, in its order
  std::span<const float> logits = {};              // of those of the batch that want them
  std::vector<Job*> turns = {};                    // plan_prefill's
  SchedulerStats stats = {};
};

// --- The steps, in their order.

// Ends the requests that nobody waits for any more.
void cancel_requests(SchedulerState& state);
// First come, first served: takes those that wait as long as all admitted have room to read their
// tokens.
void admit_requests(SchedulerState& state);
// All that only lack their newest token get it.
void plan_decode(SchedulerState& state);
// Prompts take turns in what a step has room for.
void plan_prefill(SchedulerState& state);
// One pass of what was planned; full blocks go to the prefix cache.
void run_forward(SchedulerState& state);
// A token of each that has all logits it needs.
void sample_tokens(SchedulerState& state);
// Hands the tokens out and ends what is complete.
void deliver_tokens(SchedulerState& state);

// --- What several of them need.

// Takes the blocks for n more tokens of a running job: evicts cached prefixes, then preempts those
// that were admitted last, the job itself if need be. False: it has no room in this step.
bool make_room(SchedulerState& state, Job& job, int64_t n);
// Takes what the prefix cache has of the job's tokens and its sequence has not; how many tokens.
int64_t adopt_prefix(SchedulerState& state, Job& job);
void count_cached(SchedulerState& state, Job& job, int64_t n_tokens);
// The last event of a job; its blocks are free. It stays in its list until sweep().
void finish(SchedulerState& state, Job& job, FinishReason reason, const std::string& error = "");
void sweep(SchedulerState& state);

}  // namespace onebit
