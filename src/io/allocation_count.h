// For the tests of this folder: what parsing hostile bytes asks of the heap.
#pragma once

#include <cstdint>

namespace onebit::testing {

// Bytes requested from operator new so far; freed ones count too, so a difference bounds every
// peak.
int64_t allocated_bytes();

}  // namespace onebit::testing
