// Int8 activations times ternary, binary or int8 panels: few tokens at the speed of memory, many at
// that of vpdpbusd.
#pragma once

#include "kernels/avx512/decode.inl"
#include "kernels/avx512/decode_binary.inl"
#include "kernels/avx512/decode_triple.inl"
#include "kernels/avx512/gemm.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

void ternary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<TernaryTile>(args);
  gemm<TernaryCodes>(args);
}

void binary_i8(const MatmulArgs& args) noexcept {
  if (args.prepared != nullptr) return decode_binary(args);
  gemm<BinaryCodes>(args);
}

void int8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<Int8Tile>(args);
  gemm<Int8Codes>(args);
}

void triple_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens == 1) return decode_triples<1>(args);
  if (args.n_tokens == 2) return decode_triples<2>(args);
  if (args.n_tokens == 3) return decode_triples<3>(args);
  gemm<TripleCodes>(args);
}

}  // namespace
}  // namespace onebit
