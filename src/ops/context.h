// What every operator is given: threads, and kernels of one instruction set.
#pragma once

#include <cstdint>
#include <string>

#include "base/thread_pool.h"
#include "kernels/kernel.h"

namespace onebit {

struct OpContext {
  ThreadPool& pool;
  const Kernels& kernels;
  const FloatOps& f() const { return kernels.floats; }
};

// Items of a loop that are worth a thread of their own, if an item touches `bytes`: below some tens
// of microseconds of work, waking a thread costs more than it saves, and on a busy machine far more
// (measured on 2 cores under load: the default model at 92 tok/s in place of 2,431).
constexpr int64_t items_per_part(int64_t bytes) {
  constexpr int64_t kMinBytes = 128 << 10;
  return bytes >= kMinBytes ? 1 : kMinBytes / (bytes > 0 ? bytes : 1);
}

// The kernels of the instruction set `isa`; empty: the one in ONEBIT_ISA, else the best that this
// CPU has. Throws Error(kInvalidArgument) that lists the usable names.
const Kernels& select_kernels(const std::string& isa);

}  // namespace onebit
