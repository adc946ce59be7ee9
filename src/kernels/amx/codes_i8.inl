// Int8 activations times any panels: few tokens, or tokens that nobody prepared, are AVX-512's.
#pragma once

#include "kernels/amx/codes.inl"
#include "kernels/amx/gemm.inl"
#include "kernels/avx512/codes_i8.inl"
#include "kernels/avx512/lookup_binary.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

ONEBIT_INLINE bool takes_tiles(const MatmulArgs& args) {
  return args.n_tokens >= kFewestTokens && args.prepared != nullptr;
}

void ternary_i8_tiles(const MatmulArgs& args) noexcept {
  takes_tiles(args) ? gemm_tiles<SignedTernary>(args) : ternary_i8(args);
}

void int8_tiles(const MatmulArgs& args) noexcept {
  takes_tiles(args) ? gemm_tiles<SignedInt8>(args) : int8(args);
}

void int6_tiles(const MatmulArgs& args) noexcept {
  takes_tiles(args) ? gemm_tiles<SignedInt6>(args) : int6(args);
}

void triple_i8_tiles(const MatmulArgs& args) noexcept {
  takes_tiles(args) ? gemm_tiles<SignedTriples>(args) : triple_i8(args);
}

void binary_i8_tiles(const MatmulArgs& args) noexcept {
  takes_tiles(args) ? gemm_tiles<SignedBinary>(args) : binary_i8(args);
}

// Fewer tokens are looked up.
int64_t binary_bytes(int64_t cols, int64_t n_tokens) noexcept {
  return n_tokens < kFewestTokens ? lookup_bytes<Lookup>(cols, n_tokens)
                                  : tiles_bytes(cols, n_tokens);
}

void binary_prepare(const PrepareArgs& args, int64_t begin, int64_t end) noexcept {
  args.n_tokens < kFewestTokens ? lookup_prepare<Lookup>(args, begin, end)
                                : tiles_prepare(args, begin, end);
}

constexpr Preparation kTilesOrLookup = {binary_bytes, binary_prepare};

}  // namespace
}  // namespace onebit
