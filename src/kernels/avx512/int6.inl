// Int6 panels: how a step becomes byte codes, for few tokens (decode.inl) and many (gemm.inl).
//
// Three vectors hold the codes of columns 0..3, 4..7 and 8..11 of 16 rows in the low bits of their
// bytes, and two bits each of columns 12..15 above: masks and selections, no byte crosses a lane.
// dot = raw - 32 * sum(a). Overflow: 63 * 127 * kMaxColumnsInt8 < 2^29.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/decode.inl"
#include "kernels/avx512/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

struct Int6Step {
  static constexpr int32_t kSumFactor = -32;
  static constexpr int64_t kBytes = 192;

  ONEBIT_INLINE void codes(const uint8_t* step, __m512i (&codes)[4]) {
    const __m512i six = _mm512_set1_epi8(63);
    __m512i v[3];
#pragma GCC unroll 3
    for (int p = 0; p < 3; ++p) {
      _mm_prefetch(reinterpret_cast<const char*>(step + 64 * p + 4096), _MM_HINT_T0);
      v[p] = _mm512_load_si512(step + 64 * p);
      codes[p] = _mm512_and_si512(v[p], six);
    }
    // Shifted by 16-bit words: what a neighbouring byte brings in is not selected.
    const __m512i four =
        select(_mm512_set1_epi8(3), _mm512_srli_epi16(v[0], 6), _mm512_srli_epi16(v[1], 4));
    codes[3] =
        _mm512_and_si512(select(_mm512_set1_epi8(15), four, _mm512_srli_epi16(v[2], 2)), six);
  }

 private:
  ONEBIT_INLINE __m512i select(__m512i mask, __m512i a, __m512i b) {  // bits of a where mask is 1
    return _mm512_ternarylogic_epi32(mask, a, b, 0xca);
  }
};

using Int6Tile = CodesTile<Int6Step>;

// For gemm().
struct Int6Codes {
  static constexpr int32_t kSumFactor = Int6Step::kSumFactor;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin / 16 * Int6Step::kBytes;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += Int6Step::kBytes, to += 256) {
        __m512i codes[4];
        Int6Step::codes(from, codes);
        for (int p = 0; p < 4; ++p) _mm512_store_si512(to + 64 * p, codes[p]);
      }
    }
  }
};

}  // namespace
}  // namespace onebit
