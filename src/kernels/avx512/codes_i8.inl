// Int8 activations times ternary, int8 or int6 panels: few tokens at the speed of memory, many at
// that of vpdpbusd. (Binary panels: lookup_binary.inl.)
#pragma once

#include "kernels/avx512/decode.inl"
#include "kernels/avx512/decode_triple.inl"
#include "kernels/avx512/gemm.inl"
#include "kernels/avx512/int6.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

void ternary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<TernaryTile>(args);
  gemm<TernaryCodes, VnniProducts>(args);
}

void int8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<Int8Tile>(args);
  gemm<Int8Codes, VnniProducts>(args);
}

void int6(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kDecodeTokens) return decode<Int6Tile>(args);
  gemm<Int6Codes, VnniProducts>(args);
}

void triple_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens == 1) return decode_triples<1>(args);
  if (args.n_tokens == 2) return decode_triples<2>(args);
  if (args.n_tokens == 3) return decode_triples<3>(args);
  gemm<TripleCodes, VnniProducts>(args);
}

}  // namespace
}  // namespace onebit
