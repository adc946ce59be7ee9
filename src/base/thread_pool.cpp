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

ThreadPool::ThreadPool(int n_threads, bool pin)
    : n_threads_(n_threads), shares_(static_cast<std::size_t>(n_threads)) {
  ONEBIT_CHECK(n_threads >= 1);
  const auto cores = pin ? physical_cores(allowed_cpus()) : std::vector<int>();
  try {
    workers_.reserve(static_cast<std::size_t>(n_threads - 1));
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
  } catch (...) {
    stop_workers();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop_workers();
}

void ThreadPool::stop_workers() {
  stop_.store(true, std::memory_order_relaxed);
  loop_.fetch_add(1, std::memory_order_release);
  loop_.notify_all();
  for (auto& thread : workers_) thread.join();
}

void ThreadPool::run_piece(int64_t piece) noexcept {
  const int64_t begin = piece * piece_;
  const int64_t end = std::min(job_.n, begin + piece_);
  try {
    job_.call(job_.body, begin, end);
  } catch (...) {
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
}

bool ThreadPool::take_piece(Share& share, uint32_t loop, bool front) noexcept {
  uint64_t word = share.word.load(std::memory_order_acquire);
  for (;;) {
    const auto first = static_cast<uint32_t>(word >> 16 & 0xffff);
    const auto last = static_cast<uint32_t>(word & 0xffff);
    if (word >> 32 != loop || first >= last) return false;
    const uint64_t rest = front ? word + (1u << 16) : word - 1;
    if (share.word.compare_exchange_weak(word, rest, std::memory_order_acq_rel)) {
      run_piece(front ? first : last - 1);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
      return true;
    }
  }
}

void ThreadPool::take_part(uint32_t loop, int thread) noexcept {
  while (take_piece(shares_[static_cast<std::size_t>(thread)], loop, true)) {
  }
  for (int i = 1; i < n_threads_; ++i) {
    Share& other = shares_[static_cast<std::size_t>((thread + i) % n_threads_)];
    while (take_piece(other, loop, false)) {
    }
  }
}

void ThreadPool::run(const Job& job) {
  const int64_t steps = ceil_div(job.n, job.step);
  const int64_t pieces = std::min({steps, n_threads_ * kPiecesPerShare, int64_t{0xffff}});
  const int64_t piece_steps = ceil_div(steps, pieces);
  const int64_t n_pieces = ceil_div(steps, piece_steps);
  job_ = job;
  piece_ = piece_steps * job.step;
  pending_.store(n_pieces, std::memory_order_relaxed);
  const uint32_t loop = loop_.load(std::memory_order_relaxed) + 1;
  for (int t = 0; t < n_threads_; ++t) {
    const auto first = static_cast<uint64_t>(n_pieces * t / n_threads_);
    const auto last = static_cast<uint64_t>(n_pieces * (t + 1) / n_threads_);
    shares_[static_cast<std::size_t>(t)].word.store(
        static_cast<uint64_t>(loop) << 32 | first << 16 | last, std::memory_order_release);
  }
  loop_.store(loop);  // in order with the look at who sleeps
  loop_.notify_all();
  take_part(loop, 0);
  for (int spins = 0;; ++spins) {
    const int64_t left = pending_.load(std::memory_order_acquire);
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
    uint32_t now = loop_.load(std::memory_order_acquire);
    for (int spins = 0; now == seen; ++spins) {
      if (spins < kSpins) {
        cpu_relax();
      } else {
        loop_.wait(seen, std::memory_order_acquire);
      }
      now = loop_.load(std::memory_order_acquire);
    }
    seen = now;
    if (stop_.load(std::memory_order_relaxed)) return;
    take_part(now, thread);
  }
}

}  // namespace onebit
