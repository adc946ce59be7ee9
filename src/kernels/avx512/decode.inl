// Ternary and int8 panels times one to three tokens: the speed of memory.
//
// Lanes. A tile is 16 rows: 32-bit lane r of every register is row r, so dots never need a
// horizontal sum and the float law runs in registers. vpdpbusd multiplies four unsigned codes of
// each row by four activations, broadcast as a 32-bit word from memory, and adds to lane r.
//
//   ternary: 64 bytes are 16 columns; a masked plane is four codes w + 1. Over a long group each
//     plane is masked where it stands and has its own accumulator, whose sum, times 4^p, is shifted
//     down once at the end: one `and` per 64 weights. Over 32 columns planes 2 and 3 are moved down
//     to 0 and 1, which leaves two accumulators to join. raw = sum(code * a): dot = raw - sum(a).
//   codes of a byte (CodesTile): four registers are 16 columns. int8 panels hold them, the stored
//     byte w + 128 is the code: dot = raw - 128 * sum(a); int6.inl makes them of 6 bits.
//
// Overflow: a masked ternary code is at most 2 << 6 = 128, so a lane of a plane's accumulator gains
// at most 4 * 128 * 127 per 16 columns: 2^30 at kMaxColumns. int8: 255 * 127 * kMaxColumnsInt8 <
// 2^31.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kDecodeTokens = 3;

ONEBIT_INLINE __m512i broadcast4(const uint8_t* bytes) {
  int32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return _mm512_set1_epi32(word);
}

// Raw sums of a tile: over any number of columns, and over 32.
struct TernaryTile {
  static constexpr int32_t kSumFactor = -1;
  static constexpr int64_t kBytes32 = 128;  // of 32 columns

  template <int kTokens>
  ONEBIT_INLINE void columns(const uint8_t* tile, const uint8_t* acts, int64_t act_stride,
                             int64_t cols, __m512i (&raw)[kTokens]) {
    __m512i sums[kTokens][4];
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * 4; ++i) sums[i / 4][i % 4] = _mm512_setzero_si512();
    for (int64_t c = 0; c < cols; c += 16, tile += 64, acts += 16) {
      _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
      const __m512i step = _mm512_load_si512(tile);
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p) {
        const __m512i codes =
            _mm512_and_si512(step, _mm512_set1_epi8(static_cast<char>(3 << (2 * p))));
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          const __m512i a = broadcast4(acts + m * act_stride + 4 * p);
          sums[m][p] = _mm512_dpbusd_epi32(sums[m][p], codes, a);
        }
      }
    }
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) {
      const __m512i low = _mm512_add_epi32(sums[m][0], _mm512_srai_epi32(sums[m][1], 2));
      const __m512i high =
          _mm512_add_epi32(_mm512_srai_epi32(sums[m][2], 4), _mm512_srai_epi32(sums[m][3], 6));
      raw[m] = _mm512_add_epi32(low, high);
    }
  }

  template <int kTokens>
  ONEBIT_INLINE void columns32(const uint8_t* tile, const uint8_t* acts, int64_t act_stride,
                               __m512i (&raw)[kTokens]) {
    const __m512i low = _mm512_set1_epi8(3);
    const __m512i high = _mm512_set1_epi8(12);
    __m512i even[kTokens];
    __m512i odd[kTokens];
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) even[m] = odd[m] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {  // planes 0, 1, then 2, 3 of two steps
      if (i % 2 == 0) {
        _mm_prefetch(reinterpret_cast<const char*>(tile + 32 * i + 2048), _MM_HINT_T0);
      }
      __m512i step = _mm512_load_si512(tile + i / 2 * 64);
      if (i % 2 == 1) step = _mm512_srli_epi16(step, 4);
      const __m512i codes0 = _mm512_and_si512(step, low);
      const __m512i codes1 = _mm512_and_si512(step, high);
#pragma GCC unroll 3
      for (int m = 0; m < kTokens; ++m) {
        const uint8_t* a = acts + m * act_stride + 8 * i;
        even[m] = _mm512_dpbusd_epi32(even[m], codes0, broadcast4(a));
        odd[m] = _mm512_dpbusd_epi32(odd[m], codes1, broadcast4(a + 4));
      }
    }
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) {
      raw[m] = _mm512_add_epi32(even[m], _mm512_srai_epi32(odd[m], 2));
    }
  }
};

// Step: kSumFactor, kBytes of a step of 16 columns, and codes() of it: register p has a byte for
// each of columns 4p .. 4p + 3.
template <typename Step>
struct CodesTile {
  static constexpr int32_t kSumFactor = Step::kSumFactor;
  static constexpr int64_t kBytes32 = 2 * Step::kBytes;

  template <int kTokens>
  ONEBIT_INLINE void columns(const uint8_t* tile, const uint8_t* acts, int64_t act_stride,
                             int64_t cols, __m512i (&raw)[kTokens]) {
    __m512i sums[kTokens][4];
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * 4; ++i) sums[i / 4][i % 4] = _mm512_setzero_si512();
    for (int64_t c = 0; c < cols; c += 16, tile += Step::kBytes, acts += 16) {
      __m512i codes[4];
      Step::codes(tile, codes);
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p) {
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          const __m512i a = broadcast4(acts + m * act_stride + 4 * p);
          sums[m][p] = _mm512_dpbusd_epi32(sums[m][p], codes[p], a);
        }
      }
    }
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) {
      raw[m] = _mm512_add_epi32(_mm512_add_epi32(sums[m][0], sums[m][1]),
                                _mm512_add_epi32(sums[m][2], sums[m][3]));
    }
  }

  template <int kTokens>
  ONEBIT_INLINE void columns32(const uint8_t* tile, const uint8_t* acts, int64_t act_stride,
                               __m512i (&raw)[kTokens]) {
    columns<kTokens>(tile, acts, act_stride, 32, raw);
  }
};

struct Int8Step {
  static constexpr int32_t kSumFactor = -128;
  static constexpr int64_t kBytes = 256;

  ONEBIT_INLINE void codes(const uint8_t* step, __m512i (&codes)[4]) {
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      _mm_prefetch(reinterpret_cast<const char*>(step + 64 * p + 4096), _MM_HINT_T0);
      codes[p] = _mm512_load_si512(step + 64 * p);
    }
  }
};

using Int8Tile = CodesTile<Int8Step>;

// All panels times kTokens tokens under the float law.
template <typename Tile16, int kTokens, bool kActGroups>
void decode(const MatmulArgs& args) {
  const int64_t padded = padded_cols(args);
  const int64_t group = min_i64(args.group, padded);
  int32_t row_sum[kTokens];  // of all columns: found once if that is the group
  for (int m = 0; m < kTokens; ++m) {
    row_sum[m] = kActGroups || group < padded ? 0 : act_sum(args, m, 0, padded);
  }
  const uint8_t* tile = args.panels;
  int64_t scales = 0;
  for (int64_t row = 0; row < args.n_rows; row += 16) {
    __m512 acc[kTokens];
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) acc[m] = _mm512_setzero_ps();
    for (int64_t begin = 0, end = 0; begin < padded; begin = end, scales += 16) {
      end = min_i64(begin + group, padded);
      const __m512 weight_scale = load_scales(args, scales);
      __m512i raw[kTokens];
      if constexpr (!kActGroups) {
        Tile16::template columns<kTokens>(tile, args.acts + begin, args.act_stride, end - begin,
                                          raw);
        tile += (end - begin) / 32 * Tile16::kBytes32;
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          const int32_t sum = group < padded ? act_sum(args, m, begin, end) : row_sum[m];
          const __m512i dot = _mm512_add_epi32(raw[m], _mm512_set1_epi32(Tile16::kSumFactor * sum));
          acc[m] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), weight_scale, acc[m]);
        }
      } else {
        __m512 part[kTokens];
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) part[m] = _mm512_setzero_ps();
        for (int64_t c = begin; c < end; c += 32, tile += Tile16::kBytes32) {
          Tile16::template columns32<kTokens>(tile, args.acts + c, args.act_stride, raw);
#pragma GCC unroll 3
          for (int m = 0; m < kTokens; ++m) {
            const int32_t sum = args.act_sums[m * args.sums_stride + c / 32];
            const __m512i dot =
                _mm512_add_epi32(raw[m], _mm512_set1_epi32(Tile16::kSumFactor * sum));
            const float act_scale = args.act_scales[m * args.act_scales_stride + c / 32];
            part[m] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_set1_ps(act_scale), part[m]);
          }
        }
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          acc[m] = _mm512_fmadd_ps(part[m], weight_scale, acc[m]);
        }
      }
    }
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) {
      if (!kActGroups) {
        acc[m] = _mm512_mul_ps(acc[m], _mm512_set1_ps(args.act_scales[m * args.act_scales_stride]));
      }
      store_rows(args, m, row, acc[m]);
    }
  }
}

template <typename Tile16, int kTokens>
void decode(const MatmulArgs& args) {
  if (args.act_groups) {
    decode<Tile16, kTokens, true>(args);
  } else {
    decode<Tile16, kTokens, false>(args);
  }
}

// n_tokens <= kDecodeTokens.
template <typename Tile16>
void decode(const MatmulArgs& args) {
  if (args.n_tokens == 1) return decode<Tile16, 1>(args);
  if (args.n_tokens == 2) return decode<Tile16, 2>(args);
  decode<Tile16, 3>(args);
}

}  // namespace
}  // namespace onebit
