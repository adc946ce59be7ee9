#include "bench/peak.h"

namespace onebit {

int64_t run_f32_peak(int64_t) {
  return 0;
}

}  // namespace onebit
