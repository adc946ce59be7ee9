// Plain C++ for any CPU: the reference that every other instruction set equals bit for bit.
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"
#include "kernels/scalar/binary_bit.inl"
#include "kernels/scalar/codes_i8.inl"

namespace onebit {

extern const Kernels kKernelsScalar;
constinit const Kernels kKernelsScalar = {
    "scalar", {ternary_i8, binary_i8, binary_bit, int8, triple_i8, int6}, {}, kFloatOps};

}  // namespace onebit
