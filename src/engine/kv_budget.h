// How many blocks of keys and values the memory has room for.
#pragma once

#include <cstdint>
#include <string>

#include "ops/kv_cache.h"

namespace onebit {

struct KvBudget {
  int64_t block_bytes;  // of kKvBlock positions, all layers
  int64_t n_blocks;

  int64_t bytes() const { return block_bytes * n_blocks; }
  int64_t positions() const { return n_blocks * kKvBlock; }
  // "N blocks of 64 positions, B bytes each: ... GiB", for a server's first lines.
  std::string text() const;
};

// What fits into `bytes` of memory; 0: half of what the machine (or the cgroup) has left now, that
// is, after the model was loaded, or less if `enough` positions take less. Throws
// Error(kInvalidArgument) if not even a block does.
KvBudget kv_budget(const KvShape& shape, int64_t bytes, int64_t enough);

}  // namespace onebit
