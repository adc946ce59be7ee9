// Advanced SIMD as every 64-bit Arm CPU has it (ARMv8.0).
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"
#include "kernels/neon/binary_bit.inl"
#include "kernels/neon/codes_i8.inl"

namespace onebit {

extern const Kernels kKernelsNeon;
constinit const Kernels kKernelsNeon = {
    "neon", {ternary_i8, binary_i8, binary_bit, int8}, {}, kFloatOps};

}  // namespace onebit
