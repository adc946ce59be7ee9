#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "base/checked.h"
#include "base/cpus.h"
#include "base/error.h"

namespace onebit {
namespace {

// A few microseconds: longer than the gap between two loops of a decode step, shorter than what a
// sleeping machine would notice.
constexpr int kSpins = 4000;

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Keeps the calling thread on `cpu`. A refusal costs only speed.
void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

ThreadPool::ThreadPool(int n_threads, bool pin) : n_threads_(n_threads) {
  ONEBIT_CHECK(n_threads >= 1);
  const auto cores = pin ? physical_cores(allowed_cpus()) : std::vector<int>();
  try {
    for (int i = 1; i < n_threads; ++i) {
      const int cpu = cores.empty() ? -1 : cores[static_cast<std::size_t>(i) % cores.size()];
      workers_.emplace_back([this, i, cpu] {
        if (cpu >= 0) pin_to(cpu);
        worker(i);
      });
    }
  } catch (const std::system_error& e) {
    stop_workers();
    throw Error(ErrorCode::kIo,
                "cannot start " + std::to_string(n_threads) + " threads: " + e.code().message());
  }
}

ThreadPool::~ThreadPool() {
  stop_workers();
}

void ThreadPool::stop_workers() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto& thread : workers_) thread.join();
}

void ThreadPool::run_part(const Job& job, int thread) noexcept {
  const int64_t steps = ceil_div(job.n, job.step);
  const int64_t begin = steps * thread / n_threads_ * job.step;
  const int64_t end = std::min(job.n, steps * (thread + 1) / n_threads_ * job.step);
  if (begin >= end) return;
  try {
    job.call(job.body, begin, end);
  } catch (...) {
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
}

void ThreadPool::run(const Job& job) {
  job_ = job;
  pending_.store(n_threads_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  run_part(job, 0);
  for (int spins = 0;; ++spins) {
    const int left = pending_.load(std::memory_order_acquire);
    if (left == 0) break;
    if (spins < kSpins) {
      cpu_relax();
    } else {
      pending_.wait(left, std::memory_order_acquire);
    }
  }
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::worker(int thread) {
  uint32_t seen = 0;
  for (;;) {
    uint32_t now = generation_.load(std::memory_order_acquire);
    for (int spins = 0; now == seen; ++spins) {
      if (spins < kSpins) {
        cpu_relax();
      } else {
        generation_.wait(seen, std::memory_order_acquire);
      }
      now = generation_.load(std::memory_order_acquire);
    }
    seen = now;
    if (stop_.load(std::memory_order_relaxed)) return;
    run_part(job_, thread);
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
  }
}

}  // namespace onebit
