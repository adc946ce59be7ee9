#include "eval/int8_peak.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/stopwatch.h"

namespace onebit {

const Int8Loop* find_int8_loop(std::string_view isa) {
  for (const Int8Loop& loop : int8_loops()) {
    if (loop.isa == isa && loop.usable()) return &loop;
  }
  return nullptr;
}

double measure_int8_peak(ThreadPool& pool, const Int8Loop& loop, int passes, double seconds) {
  // How many one thread does in that time; the first pass of all also wakes the vector units.
  int64_t n = 1 << 20;
  for (;;) {
    const Stopwatch watch;
    loop.run(n);
    const double spent = watch.seconds();
    if (spent > seconds / 4 || n > (int64_t{1} << 50)) {
      n = static_cast<int64_t>(static_cast<double>(n) * seconds / spent) + 1;
      break;
    }
    n *= 2;
  }
  double best = 0;
  std::vector<int64_t> done(static_cast<std::size_t>(pool.size()));
  for (int pass = 0; pass < passes; ++pass) {
    const Stopwatch watch;
    pool.parallel_for(pool.size(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) done[static_cast<std::size_t>(i)] = loop.run(n);
    });
    const auto total = std::accumulate(done.begin(), done.end(), int64_t{0});
    best = std::max(best, static_cast<double>(total) / watch.seconds());
  }
  return best;
}

}  // namespace onebit
