// Int8 activations times ternary or int8 panels: few tokens at the speed of memory, many from codes
// unpacked to the L1 cache. (Binary panels: binary_i8.inl.)
#pragma once

#include "kernels/avx2/decode.inl"
#include "kernels/avx2/gemm.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

void ternary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<TernaryTile>(args);
  gemm<TernaryCodes, TileProducts<SmallProducts>>(args);
}

void int8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<Int8Tile>(args);
  gemm<Int8Codes, TileProducts<Int8Products>>(args);
}

}  // namespace
}  // namespace onebit
