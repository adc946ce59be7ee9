// What the server counts, in the text format of Prometheus (version 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/scheduler.h"
#include "http/server.h"

namespace onebit {

// How often a duration fell into each of some ranges. Any number of threads may observe.
class Histogram {
 public:
  static constexpr std::size_t kMaxBounds = 16;
  // `bounds` in seconds, ascending, at most kMaxBounds; they outlive the histogram.
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds) {}

  void observe(double seconds);
  // The lines NAME_bucket, NAME_sum and NAME_count.
  void write(std::string& out, std::string_view name, std::string_view help) const;

 private:
  std::span<const double> bounds_;
  std::array<std::atomic<uint64_t>, kMaxBounds + 1> counts_ = {};  // not cumulative
  std::atomic<uint64_t> nanoseconds_ = 0;
};

class Metrics {
 public:
  Metrics();

  // `path`: of a route, never what a client made up, so that there are only so many. Without memory
  // for a new one it is left out.
  void count_answer(const std::string& path, int status) noexcept;
  // Between these the answer is one that the server owes.
  void begin_answer() { answers_begun_.fetch_add(1, std::memory_order_relaxed); }
  void end_answer() { answers_begun_.fetch_sub(1, std::memory_order_relaxed); }
  void observe_first_token(double seconds) { first_token_.observe(seconds); }
  void observe_next_token(double seconds) { next_token_.observe(seconds); }

  struct Snapshot {
    const SchedulerStats* scheduler = nullptr;  // null: the model is not loaded yet
    int64_t queued = 0;                         // for preparation
    http::Counters connections = {};
    std::string_view phase;
  };
  std::string text(const Snapshot& now) const;

 private:
  Histogram first_token_;
  Histogram next_token_;
  std::atomic<int64_t> answers_begun_ = 0;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> answers_;
};

}  // namespace onebit
