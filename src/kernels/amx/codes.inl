// Weights as signed bytes: -1, 0, +1, or int8. The products of signed bytes are dots at once, with
// nothing to correct.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/decode_triple.inl"
#include "kernels/avx512/gemm.inl"
#include "kernels/avx512/int6.inl"
#include "kernels/gemm.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

// w + 1 in two bits to w: vpermb takes the low six bits of a byte, so the table repeats.
struct SignedTable {
  alignas(64) int8_t bytes[64];
};
constexpr SignedTable make_signed_table() {
  SignedTable t{};
  for (int i = 0; i < 64; ++i) t.bytes[i] = static_cast<int8_t>(i % 4 - 1);
  return t;
}
constexpr SignedTable kSignedTable = make_signed_table();

struct SignedBytes {
  __m512i table = _mm512_load_si512(kSignedTable.bytes);

  __attribute__((always_inline)) __m512i operator()(__m512i bytes) const {
    return _mm512_permutexvar_epi8(bytes, table);
  }
};

using SignedTernary = TernaryPlanes<SignedBytes>;
using SignedTriples = TriplePlanes<SignedBytes>;

struct SignedInt8 {
  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const __m512i sign_bit = _mm512_set1_epi8(-128);
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin * 16;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 4, from += 64, to += 64) {
        _mm_prefetch(reinterpret_cast<const char*>(from + 4096), _MM_HINT_T0);
        _mm512_store_si512(to, _mm512_xor_si512(_mm512_load_si512(from), sign_bit));
      }
    }
  }
};

struct SignedInt6 {
  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const __m512i zero = _mm512_set1_epi8(-Int6Step::kSumFactor);  // the code of weight 0
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin / 16 * Int6Step::kBytes;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += Int6Step::kBytes, to += 256) {
        __m512i codes[4];
        Int6Step::codes(from, codes);
        for (int p = 0; p < 4; ++p) {
          _mm512_store_si512(to + 64 * p, _mm512_sub_epi8(codes[p], zero));
        }
      }
    }
  }
};

// The word of a row, copied to both halves of a 32-bit lane, has four neighbouring columns in its
// four bytes: a mask of them selects +1 or -1.
struct SignedBinary {
  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    binary_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const __m512i even =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
    const __m512i odd = _mm512_add_epi8(even, _mm512_set1_epi8(2));
    const __m512i plus = _mm512_set1_epi8(1);
    const __m512i minus = _mm512_set1_epi8(-1);
    const int64_t step_bytes = binary_step_bytes(args, row);
    const uint8_t* from = binary_tile(args, row, block.begin);
    block.codes[0] = block.buffer[0];
    block.codes[1] = block.buffer[1];
    for (int64_t k = 0; k < block.end - block.begin; k += 16, from += step_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(from + 4096), _MM_HINT_T0);
      const __m512i step = _mm512_load_si512(from);
      const __m512i words[2] = {_mm512_shuffle_epi8(step, even), _mm512_shuffle_epi8(step, odd)};
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        const int h = i / 4;
        const int p = i % 4;
        const __mmask64 bits = _mm512_test_epi8_mask(words[h], _mm512_set1_epi32(0x10100101 << p));
        _mm512_store_si512(block.buffer[h] + k * 16 + 64 * p,
                           _mm512_mask_blend_epi8(bits, minus, plus));
      }
    }
  }
};

}  // namespace
}  // namespace onebit
