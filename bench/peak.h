// The arithmetic yardstick of the kernels (the memory one is eval/stream_bandwidth.h).
#pragma once

#include <cstdint>

namespace onebit {

// Runs at least `instructions` int8 dot products on registers only and returns the multiply-adds
// done; 0, and no work, where the CPU has no such instruction (here: AVX-512 VNNI).
int64_t run_int8_peak(int64_t instructions);
// The same for f32 multiply-adds (here: AVX-512).
int64_t run_f32_peak(int64_t instructions);

}  // namespace onebit
