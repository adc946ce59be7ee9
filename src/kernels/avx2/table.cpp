// AVX2, F16C and POPCNT: x86-64 since 2013 (Haswell, Zen).
#include "kernels/avx2/binary_bit.inl"
#include "kernels/avx2/codes_i8.inl"
#include "kernels/avx2/lookup_binary.inl"
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"

namespace onebit {

extern const Kernels kKernelsAvx2;
constinit const Kernels kKernelsAvx2 = {
    "avx2",
    {ternary_i8, binary_i8, binary_bit, int8},
    {{}, {lookup_bytes<Lookup>, lookup_prepare<Lookup>}, {}, {}},
    kFloatOps};

}  // namespace onebit
