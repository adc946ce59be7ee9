// Threads for loops whose parts are independent.
//
// Each thread has a contiguous share of the indices, the same for every loop of that size, so that
// it finds in its caches, and on its NUMA node, what it touched before. It takes its share in
// pieces from the front; a thread that has finished takes pieces from the back of others' shares,
// so that a slower core, or one that runs another program, holds nobody up for more than a piece.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <type_traits>
#include <vector>

namespace onebit {

class ThreadPool {
 public:
  // `n_threads` >= 1, the caller's thread included. `pin`: every other thread stays on a physical
  // core of its own (cpus.h); the caller's, which is not ours, is left to go where none of them is.
  // Throws Error(kIo) if the system refuses the threads.
  explicit ThreadPool(int n_threads, bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return n_threads_; }

  // Calls body(begin, end) on ranges that cover [0, n), several at a time; range borders are
  // multiples of `step` and depend on n, step and size() alone. Returns when all are done, and then
  // throws the first exception that a range threw. `body` must not call parallel_for; one caller at
  // a time.
  template <typename Body>
  void parallel_for(int64_t n, int64_t step, Body&& body) {
    if (n <= 0) return;
    if (n_threads_ == 1 || n <= step) {
      body(int64_t{0}, n);
      return;
    }
    using Callable = std::remove_reference_t<Body>;
    run({n, step, [](void* f, int64_t b, int64_t e) { (*static_cast<Callable*>(f))(b, e); },
         const_cast<std::remove_const_t<Callable>*>(&body)});
  }

 private:
  struct Job {
    int64_t n = 0;
    int64_t step = 1;
    void (*call)(void* body, int64_t begin, int64_t end) = nullptr;
    void* body = nullptr;
  };
  // What is left of a thread's share of a loop: pieces first .. last - 1 of all. In one word, with
  // the number of the loop, so that a thread that comes late to a loop takes nothing of the next.
  struct alignas(64) Share {
    std::atomic<uint64_t> word{0};
  };
  static constexpr int64_t kPiecesPerShare = 8;

  void run(const Job& job);
  void take_part(uint32_t loop, int thread) noexcept;
  bool take_piece(Share& share, uint32_t loop, bool front) noexcept;
  void run_piece(int64_t piece) noexcept;
  void stop_workers();
  void worker(int thread);

  const int n_threads_;
  std::vector<Share> shares_;  // by thread
  std::vector<std::thread> workers_;
  Job job_;            // who holds a piece may read it
  int64_t piece_ = 0;  // indices of a piece
  alignas(64) std::atomic<uint32_t> loop_{0};
  alignas(64) std::atomic<int64_t> pending_{0};  // pieces that are not done
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};  // a range threw; error_ is the first such exception
  std::exception_ptr error_;
};

}  // namespace onebit
