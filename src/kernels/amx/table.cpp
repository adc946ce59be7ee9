// AVX-512 and AMX-INT8: Intel Xeons since Sapphire Rapids.
#include "kernels/amx/codes_i8.inl"
#include "kernels/avx512/binary_bit.inl"
#include "kernels/float_ops.inl"
#include "kernels/kernel.h"

namespace onebit {

extern const Kernels kKernelsAmx;
constinit const Kernels kKernelsAmx = {
    "amx",
    {ternary_i8_tiles, binary_i8_tiles, binary_bit, int8_tiles, triple_i8_tiles, int6_tiles},
    {kTiles, kTilesOrLookup, {}, kTiles, kTiles, kTiles},
    kFloatOps};

}  // namespace onebit
