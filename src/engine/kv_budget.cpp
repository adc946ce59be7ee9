#include "engine/kv_budget.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "base/aligned_buffer.h"
#include "base/error.h"

namespace onebit {

std::string KvBudget::text() const {
  constexpr int64_t kGiB = int64_t{1} << 30;
  char size[32];
  if (bytes() < kGiB) {
    std::snprintf(size, sizeof size, "%.1f MiB", static_cast<double>(bytes()) / (1 << 20));
  } else {
    std::snprintf(size, sizeof size, "%.2f GiB", static_cast<double>(bytes()) / kGiB);
  }
  return std::to_string(n_blocks) + " blocks of " + std::to_string(kKvBlock) + " positions, " +
         std::to_string(block_bytes) + " bytes each: " + size;
}

KvBudget kv_budget(const KvShape& shape, int64_t bytes, int64_t enough) {
  const int64_t block_bytes = shape.block_bytes();
  if (bytes == 0) {
    bytes = available_memory() / 2;
    const int64_t n_blocks = enough / kKvBlock + 1;
    if (n_blocks < bytes / block_bytes) bytes = n_blocks * block_bytes;
  }
  if (bytes < block_bytes) {
    throw Error(ErrorCode::kInvalidArgument, "memory for keys and values: expected at least " +
                                                 std::to_string(block_bytes) +
                                                 " bytes (a block of " + std::to_string(kKvBlock) +
                                                 " positions), found " + std::to_string(bytes));
  }
  return {block_bytes, std::min<int64_t>(bytes / block_bytes, std::numeric_limits<int32_t>::max())};
}

}  // namespace onebit
