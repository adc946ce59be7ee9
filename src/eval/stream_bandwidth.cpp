#include "eval/stream_bandwidth.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/stopwatch.h"

namespace onebit {
namespace {

typedef uint64_t Line __attribute__((vector_size(64)));  // one cache line
constexpr int64_t kLine = sizeof(Line);
constexpr int64_t kBlock = 32 * 1024;      // bytes, of one span each
constexpr int64_t kPrefetch = 32 * kLine;  // 2 KiB ahead

void read_block(const uint8_t* data) {
  Line sum[4] = {};
  for (int64_t i = 0; i < kBlock; i += 4 * kLine) {
    for (int64_t j = 0; j < 4; ++j) {
      const uint8_t* const at = data + i + j * kLine;
      __builtin_prefetch(at + kPrefetch);
      Line line;
      std::memcpy(&line, at, sizeof line);
      sum[j] ^= line;
    }
  }
  const Line all = (sum[0] ^ sum[1]) ^ (sum[2] ^ sum[3]);
  uint64_t result = 0;
  for (int w = 0; w < 8; ++w) result ^= all[w];
  asm volatile("" ::"r"(result));  // somebody wants to know
}

}  // namespace

double read_bandwidth(ThreadPool& pool, std::span<const std::span<const uint8_t>> memory,
                      int passes) {
  std::vector<int64_t> firsts;  // block of each span
  int64_t n_blocks = 0;
  for (const auto& span : memory) {
    firsts.push_back(n_blocks);
    n_blocks += std::ssize(span) / kBlock;
  }
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const Stopwatch watch;
    pool.parallel_for(n_blocks, 1, [&](int64_t begin, int64_t end) {
      auto span = std::upper_bound(firsts.begin(), firsts.end(), begin) - firsts.begin() - 1;
      for (int64_t block = begin; block < end; ++block) {
        while (span + 1 < std::ssize(firsts) && firsts[span + 1] <= block) ++span;
        read_block(memory[span].data() + (block - firsts[span]) * kBlock);
      }
    });
    const double seconds = watch.seconds();
    best = std::max(best, static_cast<double>(n_blocks * kBlock) / seconds);
  }
  return best;
}

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
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(buffer_.data()),
                                       static_cast<std::size_t>(buffer_.size()) * sizeof(uint64_t));
  return read_bandwidth(pool, {&bytes, 1}, passes);
}

}  // namespace onebit
