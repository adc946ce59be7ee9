// Which columns are summed as one group: part of the numeric law (kernels/kernel.h).
#pragma once

#include <cstdint>

namespace onebit {

// All columns of a row where every row has one scale, else 128 where scales agree that far, else
// the stored group: so the float result is the same wherever the codes come from (training knows
// one scale a row, a file may repeat it per block), and work is saved.
class SummedGroup {
 public:
  // Rows of `cols` columns of which each `stored` (or fewer, at the end) have a scale.
  SummedGroup(int64_t cols, int64_t stored);

  // The ceil(cols / stored) scales of one more row.
  void add(const float* scales);
  // No further row changes the outcome.
  bool settled() const { return !whole_row_ && !by_128_; }
  // Columns that are summed as one group; `cols` or more: all.
  int64_t columns() const;

 private:
  int64_t cols_;
  int64_t stored_;
  bool whole_row_;
  bool by_128_;
};

}  // namespace onebit
