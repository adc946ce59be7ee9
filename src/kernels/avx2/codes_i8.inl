// Int8 activations times ternary or binary panels: few tokens from packed codes in registers, many
// from codes unpacked to the L1 cache.
#pragma once

#include "kernels/avx2/binary_i8.inl"
#include "kernels/avx2/gemm.inl"
#include "kernels/avx2/ternary_i8.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

constexpr int64_t kFewTokens = 4;

void ternary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kFewTokens) return multiply<Packing::kTernaryI8>(args, kTernaryI8);
  gemm<TernaryCodes, MaddProducts>(args);
}

void binary_i8(const MatmulArgs& args) noexcept {
  if (args.n_tokens <= kFewTokens) return multiply<Packing::kBinaryI8>(args, kBinaryI8);
  gemm<BinaryCodes, MaddProducts>(args);
}

}  // namespace
}  // namespace onebit
