// Threads for loops whose parts are independent. Work is split statically by index, so what a part
// computes never depends on the number of threads.
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

  // Calls body(begin, end) once per thread on contiguous ranges that cover [0, n); range borders
  // are multiples of `step`. Returns when all are done, and then throws the first exception that a
  // part threw. `body` must not call parallel_for; one caller at a time.
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
  void run(const Job& job);
  void run_part(const Job& job, int thread) noexcept;
  void stop_workers();
  void worker(int thread);

  const int n_threads_;
  std::vector<std::thread> workers_;
  Job job_;
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> pending_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};  // a part threw; error_ is the first such exception
  std::exception_ptr error_;
};

}  // namespace onebit
