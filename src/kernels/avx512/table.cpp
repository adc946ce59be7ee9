// AVX-512 with VNNI, VBMI, VPOPCNTDQ and BITALG: Intel since Ice Lake, AMD since Zen 4.
#include "kernels/avx512/binary_bit.inl"
#include "kernels/avx512/codes_i8.inl"
#include "kernels/avx512/lookup_binary.inl"
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"

namespace onebit {

extern const Kernels kKernelsAvx512;
constinit const Kernels kKernelsAvx512 = {
    "avx512",
    {ternary_i8, binary_i8, binary_bit, int8, triple_i8, int6},
    {{}, {lookup_bytes<Lookup>, lookup_prepare<Lookup>}, {}, {}, {}, {}},
    kFloatOps};

}  // namespace onebit
