#include "eval/int8_peak.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

namespace onebit {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

const Int8Loop* find_int8_loop(std::string_view isa) {
  for (const Int8Loop& loop : int8_loops()) {
    if (loop.isa == isa && loop.usable()) return &loop;
  }
  return nullptr;
}

double measure_int8_peak(ThreadPool& pool, const Int8Loop& loop, int passes, double seconds) {
  using Clock = std::chrono::steady_clock;
  // How many one thread does in that time; the first pass of all also wakes the vector units.
  int64_t n = 1 << 20;
  for (;;) {
    const auto start = Clock::now();
    loop.run(n);
    const double spent = seconds_since(start);
    if (spent > seconds / 4 || n > (int64_t{1} << 50)) {
      n = static_cast<int64_t>(static_cast<double>(n) * seconds / spent) + 1;
      break;
    }
    n *= 2;
  }
  double best = 0;
  std::vector<int64_t> done(static_cast<std::size_t>(pool.size()));
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = Clock::now();
    pool.parallel_for(pool.size(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) done[static_cast<std::size_t>(i)] = loop.run(n);
    });
    const auto total = std::accumulate(done.begin(), done.end(), int64_t{0});
    best = std::max(best, static_cast<double>(total) / seconds_since(start));
  }
  return best;
}

}  // namespace onebit
