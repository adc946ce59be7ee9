// AVX2 and AVX-VNNI: Intel since Alder Lake, AMD since Zen 5. The kernels of AVX2, compiled with
// vpdpbusd (avx2/products.inl).
#include "kernels/avx2/binary_bit.inl"
#include "kernels/avx2/codes_i8.inl"
#include "kernels/avx2/lookup_binary.inl"
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"

namespace onebit {

extern const Kernels kKernelsAvxVnni;
constinit const Kernels kKernelsAvxVnni = {
    "avxvnni",
    {ternary_i8, binary_i8, binary_bit, int8},
    {{}, {lookup_bytes<Lookup>, lookup_prepare<Lookup>}, {}, {}},
    kFloatOps};

}  // namespace onebit
