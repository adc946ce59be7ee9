// The yardstick of attention (that of the matmul kernels is eval/int8_peak.h).
#pragma once

#include <cstdint>

namespace onebit {

// Runs at least `instructions` f32 multiply-adds on registers only and returns how many values they
// had; 0, and no work, where the CPU has no such instruction (here: AVX-512).
int64_t run_f32_peak(int64_t instructions);

}  // namespace onebit
