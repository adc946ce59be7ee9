// From bodies to requests for the scheduler, on threads of their own: parsing, templates, tokens
// and grammars take tens of milliseconds, for which neither connections nor forward passes should
// wait. Nor should one tenant for another: each has a queue of its own, they take turns, and none
// has all threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/endpoint.h"
#include "engine/scheduler.h"
#include "server/metrics.h"
#include "server/reply.h"

namespace onebit {

// Reads the body of an answer's request and submits what the endpoint makes of it, all or nothing;
// the answer says so where that fails. What was not foreseen is a 500 that tells nothing, and a
// line on stderr, never with what the user wrote.
void prepare_reply(const std::shared_ptr<Reply>& reply, api::Prepare prepare,
                   const api::Service& service, Scheduler& scheduler, Metrics& metrics);

// 429: a queue is full. The client should try again when the header Retry-After says.
void refuse_as_busy(Reply& reply);

class PreparationThreads {
 public:
  struct Task {
    std::shared_ptr<Reply> reply;
    api::Prepare prepare;
    const api::Service* service;
    Scheduler* scheduler;
  };

  // threads + max_queued tasks are here at most if all are one tenant's; several have their shares
  // (engine/fair_share.h).
  PreparationThreads(Metrics& metrics, int64_t max_queued, int threads);
  // Ends after the tasks that have begun; the others are forgotten.
  ~PreparationThreads();

  // From any thread; never blocks. False: no place now.
  bool push(Task task);
  int64_t n_queued() const;

 private:
  // The tasks of a tenant that has some.
  struct Lane {
    std::string tenant;
    std::deque<Task> waiting;
    int n_begun = 0;
  };

  void work();
  // The first whose turn it is and that may have one more thread.
  std::list<Lane>::iterator next_lane();

  Metrics& metrics_;
  const int64_t n_places_;
  const int n_threads_;
  mutable std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::list<Lane> lanes_;  // in the order of their turns
  std::vector<std::jthread> threads_;
};

}  // namespace onebit
