#include "eval/int8_peak.h"

namespace onebit {

std::span<const Int8Loop> int8_loops() {
  return {};
}

}  // namespace onebit
