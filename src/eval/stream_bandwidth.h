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
  // `bytes`: 1 GiB by default, written once, by the threads of `pool` if there is one (each page
  // then lies by the thread that reads it): pages that were only ever read are all the kernel's one
  // page of zeros, and come from the cache. Throws Error(kOutOfMemory).
  explicit StreamBandwidth(int64_t bytes = int64_t{1} << 30, ThreadPool* pool = nullptr);
  double measure(ThreadPool& pool, int passes = 5) const;

 private:
  AlignedBuffer<uint64_t> buffer_;
};

}  // namespace onebit
