// The kernels of this folder compiled for the int8 matrix instructions (FEAT_I8MM) too: optional in
// ARMv8.2, in every ARMv8.6; Neoverse V1 and N2, Cortex-A510, Apple M2 and later.
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"
#include "kernels/neon/binary_bit.inl"
#include "kernels/neon/codes_i8.inl"

namespace onebit {

extern const Kernels kKernelsNeonI8mm;
constinit const Kernels kKernelsNeonI8mm = {
    "neon-i8mm", {ternary_i8, binary_i8, binary_bit, int8}, {}, kFloatOps};

}  // namespace onebit
