// Int8 activations times ternary, binary or int8 panels: few tokens from packed codes in registers,
// many from codes unpacked to the L1 cache.
#pragma once

#include "kernels/kernel.h"
#include "kernels/neon/decode.inl"
#include "kernels/neon/gemm.inl"
#include "kernels/neon/products.inl"
#if defined(__ARM_FEATURE_DOTPROD)
#include "kernels/neon/dot_tiles.inl"
#else
#include "kernels/neon/widening_tiles.inl"
#endif

namespace onebit {
namespace {

void ternary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<TernaryTile>(args);
  gemm<TernaryCodes, CodeProducts>(args);
}

void binary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<BinaryTile>(args);
  gemm<BinaryCodes, CodeProducts>(args);
}

void int8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<Int8Tile>(args);
  gemm<Int8Codes, Int8Products>(args);
}

}  // namespace
}  // namespace onebit
