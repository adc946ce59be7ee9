// The kernels of this folder compiled for the dot product instructions (FEAT_DotProd): optional in
// ARMv8.2, in every ARMv8.4; Cortex-A55 and A76, Neoverse N1, Apple M1 and later.
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"
#include "kernels/neon/binary_bit.inl"
#include "kernels/neon/codes_i8.inl"

namespace onebit {

extern const Kernels kKernelsNeonDotprod;
constinit const Kernels kKernelsNeonDotprod = {
    "neon-dotprod", {ternary_i8, binary_i8, binary_bit, int8}, {}, kFloatOps};

}  // namespace onebit
