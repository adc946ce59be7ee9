// The yardstick of a decode step: how fast this machine reads memory, here and now.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"

namespace onebit {

// Reads a buffer much larger than the caches with every thread of the pool, touching each cache
// line once with the same prefetch distance as the kernels, and returns the best of several passes
// in bytes per second.
class StreamBandwidth {
 public:
  // `bytes`: 1 GiB by default. Throws Error(kOutOfMemory).
  explicit StreamBandwidth(int64_t bytes = int64_t{1} << 30);
  double measure(ThreadPool& pool, int passes = 5) const;

 private:
  AlignedBuffer<uint64_t> buffer_;
};

}  // namespace onebit
