// What the steps of a scheduler work on.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/prefix_cache.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/speculation.h"

namespace onebit {

using SchedulerClock = std::chrono::steady_clock;

// A request on its way.
struct Job {
  // Allocates what it will hold, so that decoding allocates little; `capacity`: positions of a
  // text.
  Job(Request its_request, const SchedulerOptions& options, int64_t capacity);

  RequestId id = 0;
  Tenant* tenant = nullptr;  // stays where it is while the job is alive
  Request request;
  int64_t max_tokens;           // what the request asks for, or more than there is room for
  Sampler sampler;              // stays when the job is preempted: so do its random numbers
  std::vector<int32_t> tokens;  // prompt and answer
  int64_t generated = 0;
  int64_t embedded = 0;  // tokens whose hidden states have been handed out
  int64_t cached_tokens = 0;
  int64_t preemptions = 0;
  SchedulerClock::time_point submitted = SchedulerClock::now();
  std::optional<SchedulerClock::time_point> admitted, first_token;

  // While it runs.
  std::optional<Sequence> sequence;
  int64_t n_next = 0;       // tokens that it appends in this step
  int64_t kept_blocks = 0;  // that the prefix cache has seen

  // Guesses of what follows: in a step that checks some they are the last of `tokens`.
  std::optional<Speculation> speculation;
  bool is_drafted = false;  // in this step it was asked for some
  int64_t n_guesses = 0;

  // Drawn in this step: what follows the last token, and each guess that was right.
  struct Drawn {
    int32_t token = 0;
    Logprobs logprobs = {};
  };
  std::vector<Drawn> drawn;  // the first n_drawn
  int64_t n_drawn = 0;
  int64_t first_row = 0;     // of its logits
  bool ends = false;         // the text, after these
  std::exception_ptr error;  // what drawing threw

  bool is_cancelled = false;
  bool is_finished = false;  // to be swept out

  // Tokens whose keys and values are not there yet: one while it decodes, and
  // guesses.
  int64_t n_pending() const { return std::ssize(tokens) - sequence->length(); }
  // Blocks that it will take until it has read all its tokens.
  int64_t blocks_to_come() const { return sequence->blocks_needed(n_pending()); }
  bool is_embedding() const { return request.on_hidden != nullptr; }
};

struct SchedulerState {
  Engine& engine;
  const SchedulerOptions& options;
  int64_t capacity;  // positions of a text
  PrefixCache cache{engine.kv_pool()};
  // Jobs move from list to list, which takes no memory.
  std::list<Job> waiting = {};             // first come first; preempted ones in front
  std::list<Job> running = {};             // in the order of admission
  std::list<Job> ended = {};               // in this step
  RequestId refused = 0;                   // the next to admit, when there was no room for it
  bool has_new_room = false;               // maybe, since then
  std::vector<Engine::Append> batch = {};  // of a forward pass
  std::vector<Job*> batch_jobs = {};       // of the batch, in its order
  std::span<const float> logits = {};      // of the last tokens of those that want them; with
                                           // guesses of all tokens
  std::vector<Job*> turns = {};            // of the step that plans
  int64_t n_read = 0;                      // blocks of prompts, planned
  SchedulerStats stats = {};
};

// --- The steps, in their order.

// Ends the requests that nobody waits for any more.
void cancel_requests(SchedulerState& state);
// Takes those that wait as long as all admitted have room to read their tokens: first of the tenant
// that runs least, of its own the first. One that runs nothing gets the place of a job of the
// tenant that runs most, if that has another.
void admit_requests(SchedulerState& state);
// All that only lack their newest token get it.
void plan_decode(SchedulerState& state);
// Prompts are read in what a step has room for: tenants take turns, and of each the shortest
// prompt and the oldest.
void plan_prefill(SchedulerState& state);
// Those that decode guess what follows, if nobody else is there and they are few.
void speculate(SchedulerState& state);
// A pass of what was planned of those that are to be embedded, and their hidden states.
void embed_prompts(SchedulerState& state);
// One pass of what was planned of all others.
void run_forward(SchedulerState& state);
// A token of each that has all logits it needs; more where guesses were right.
void sample_tokens(SchedulerState& state);
// Full blocks go to the prefix cache.
void keep_prefixes(SchedulerState& state);
// Hands the tokens out and ends what is complete.
void deliver_tokens(SchedulerState& state);

// --- What several of them need.

// Jobs of the tenant that run.
int64_t n_running(const SchedulerState& state, const Tenant* tenant);
// Who goes when somebody has to: of the tenant that runs most the job admitted last; of several
// such jobs the last. The job that has run longest is it only when it is alone, so that there is
// progress.
std::list<Job>::iterator last_of_most(SchedulerState& state);
// The job's blocks are free (full ones stay in the prefix cache while nobody needs them); it waits
// in front of all of its tenant that were admitted after it or never.
void preempt(SchedulerState& state, std::list<Job>::iterator job);
// Takes the blocks for n more tokens of a running job: evicts cached prefixes, then preempts, the
// job itself if need be. False: it has no room in this step.
bool make_room(SchedulerState& state, Job& job, int64_t n);
// Takes what the prefix cache has of the job's tokens and its sequence has not; how many tokens.
int64_t adopt_prefix(SchedulerState& state, Job& job);
void count_cached(SchedulerState& state, Job& job, int64_t n_tokens);
// The job's blocks are free.
void drop_sequence(SchedulerState& state, Job& job) noexcept;
// The last event of a job; its blocks are free. It stays in its list until sweep().
void finish(SchedulerState& state, Job& job, FinishReason reason, const char* error = "") noexcept;
void fail(SchedulerState& state, Job& job, const std::exception_ptr& error) noexcept;
// What f throws ends the job.
template <typename F>
void guard(SchedulerState& state, Job& job, F f) noexcept {
  try {
    f();
  } catch (...) {
    fail(state, job, std::current_exception());
  }
}
void sweep(SchedulerState& state) noexcept;

}  // namespace onebit
