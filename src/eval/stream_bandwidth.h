// The yardstick of a decode step: how fast this machine reads memory, here and now.
#pragma once

#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"

namespace onebit {

// Reads memory with every thread of the pool, touching each cache line once with the same prefetch
// distance as the kernels, and returns the best of several passes in bytes per second. Of each span
// what is not a multiple of 32 KiB is left out; 0 if nothing is left.
double read_bandwidth(ThreadPool& pool, std::span<const std::span<const uint8_t>> memory,
                      int passes = 5);

// The same of a buffer much larger than the caches. Where a virtual machine lies on several kinds
// of memory, another buffer may be faster by half.
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
