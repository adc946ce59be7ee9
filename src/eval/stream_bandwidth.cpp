#include "eval/stream_bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace onebit {
namespace {

typedef uint64_t Line __attribute__((vector_size(64)));  // one cache line
constexpr int64_t kWords = 8;                            // uint64 in a line
constexpr int64_t kPrefetch = 32 * kWords;               // 2 KiB ahead

uint64_t read_all(const uint64_t* data, int64_t begin, int64_t end) {
  Line sum[4] = {};
  for (int64_t i = begin; i < end; i += 4 * kWords) {
    for (int64_t j = 0; j < 4; ++j) {
      __builtin_prefetch(data + i + j * kWords + kPrefetch);
      Line line;
      std::memcpy(&line, data + i + j * kWords, sizeof line);
      sum[j] ^= line;
    }
  }
  const Line all = (sum[0] ^ sum[1]) ^ (sum[2] ^ sum[3]);
  uint64_t result = 0;
  for (int64_t w = 0; w < kWords; ++w) result ^= all[w];
  return result;
}

}  // namespace

StreamBandwidth::StreamBandwidth(int64_t bytes, ThreadPool* pool)
    : buffer_(bytes / 8 / 4096 * 4096) {
  const auto fill = [this](int64_t begin, int64_t end) {
    std::fill(buffer_.data() + begin, buffer_.data() + end, uint64_t{1});
  };
  if (pool != nullptr) {
    pool->parallel_for(buffer_.size(), 4096, fill);
  } else {
    fill(0, buffer_.size());
  }
}

double StreamBandwidth::measure(ThreadPool& pool, int passes) const {
  using Clock = std::chrono::steady_clock;
  std::atomic<uint64_t> sink{0};
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = Clock::now();
    pool.parallel_for(buffer_.size(), 4096, [&](int64_t begin, int64_t end) {
      sink.fetch_xor(read_all(buffer_.data(), begin, end), std::memory_order_relaxed);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(buffer_.size()) * 8 / seconds);
  }
  ONEBIT_CHECK(sink.load() == 0);  // an even number of ones; keeps the reads alive
  return best;
}

}  // namespace onebit
