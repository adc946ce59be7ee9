// The yardstick of prefill and of batches: how many int8 multiply-adds this CPU does, here and now
// (stream_bandwidth.h is that of decoding).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/thread_pool.h"

namespace onebit {

// A loop of dot product instructions on registers only.
struct Int8Loop {
  const char* isa;           // of the kernels that are held against it
  const char* instructions;  // what it is made of
  bool (*usable)();          // on this CPU, under this operating system
  // At least n multiply-adds; returns how many.
  int64_t (*run)(int64_t n);
};

// Those of this architecture (int8_peak_<architecture>.cpp).
std::span<const Int8Loop> int8_loops();

// The loop for kernels of this name; null where there is none (scalar) or the CPU lacks it.
const Int8Loop* find_int8_loop(std::string_view isa);

// Multiply-adds per second of all threads of the pool together, the best of several passes of
// `seconds` each, about.
double measure_int8_peak(ThreadPool& pool, const Int8Loop& loop, int passes = 5,
                         double seconds = 0.02);

}  // namespace onebit
