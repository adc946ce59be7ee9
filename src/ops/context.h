// What every operator is given: threads, and kernels of one instruction set.
#pragma once

#include <string>

#include "base/thread_pool.h"
#include "kernels/kernel.h"

namespace onebit {

struct OpContext {
  ThreadPool& pool;
  const Kernels& kernels;
  const FloatOps& f() const { return kernels.floats; }
};

// The kernels of the instruction set `isa`; empty: the one in ONEBIT_ISA, else the best that this
// CPU has. Throws Error(kInvalidArgument) that lists the usable names.
const Kernels& select_kernels(const std::string& isa);

}  // namespace onebit
