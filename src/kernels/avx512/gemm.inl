// Register tiles of 32 rows x up to 8 tokens with vpdpbusd, and the unpacking before them.
//
// Lanes. vpdpbusd adds four products of row r to 32-bit lane r; a loaded register of codes meets
// every token of the tile, a broadcast activation both halves of the rows. 8 tokens x 2 halves are
// 16 chains of additions, enough for 4 or 5 cycles of latency; with a scale per 32 columns each
// chain needs a float register beside it, so there 6 tokens fill the registers.
//
// Overflow: |raw| <= 2 * 127 * kMaxColumns < 2^26; int8: 255 * 127 * kMaxColumnsInt8 < 2^31.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/decode.inl"
#include "kernels/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

struct VnniProducts {
  static constexpr int kRegisters = 32;
  static constexpr int kParts = kRowParts;
  static constexpr int kTokens = 8;
  static constexpr int kTokensGroups = 6;

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, int64_t, const uint8_t* acts, int64_t act_stride,
                         int64_t begin, int64_t end, NI (&sums)[kN][kParts]) {
    const uint8_t* codes0 = block.codes[0] + (begin - block.begin) * 16;
    const uint8_t* codes1 = block.codes[1] + (begin - block.begin) * 16;
    for (int64_t c = begin; c < end; c += 4, codes0 += 64, codes1 += 64) {
      const __m512i low = _mm512_load_si512(codes0);
      const __m512i high = _mm512_load_si512(codes1);
#pragma GCC unroll 8
      for (int m = 0; m < kN; ++m) {
        const __m512i a = broadcast4(acts + m * act_stride + c);
        sums[m][0] = (NI)_mm512_dpbusd_epi32((__m512i)sums[m][0], low, a);
        sums[m][1] = (NI)_mm512_dpbusd_epi32((__m512i)sums[m][1], high, a);
      }
    }
  }

  template <int kN>
  ONEBIT_INLINE void add_group(const Block& block, int64_t part, const uint8_t* acts,
                               int64_t act_stride, int64_t begin, NI (&sums)[kN][kParts]) {
    add(block, part, acts, act_stride, begin, begin + kActGroup, sums);
  }
};

// A byte whose low two bits are w + 1, whatever the others, as a byte that instructions multiply.
struct CodeBytes {
  __m512i low = _mm512_set1_epi8(3);

  __attribute__((always_inline)) __m512i operator()(__m512i bytes) const {
    return _mm512_and_si512(bytes, low);
  }
};

// How rows row .. row + 31 become byte codes in the columns of `block`.

template <typename Bytes>
struct TernaryPlanes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const Bytes bytes;
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin * 4;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += 64, to += 256) {
        _mm_prefetch(reinterpret_cast<const char*>(from + 2048), _MM_HINT_T0);
        const __m512i step = _mm512_load_si512(from);
        _mm512_store_si512(to, bytes(step));
        _mm512_store_si512(to + 64, bytes(_mm512_srli_epi16(step, 2)));
        _mm512_store_si512(to + 128, bytes(_mm512_srli_epi16(step, 4)));
        _mm512_store_si512(to + 192, bytes(_mm512_srli_epi16(step, 6)));
      }
    }
  }
};

using TernaryCodes = TernaryPlanes<CodeBytes>;

struct Int8Codes {
  static constexpr int32_t kSumFactor = -128;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    for (int h = 0; h < 2; ++h) block.codes[h] = half_panel(args, row, h) + block.begin * 16;
  }
};

}  // namespace
}  // namespace onebit
