// Ternary and int8 panels times one to three tokens: the speed of memory.
//
// Lanes. A tile is 16 rows, two halves of 8: 32-bit lane r of a half's registers is row r, so dots
// never need a horizontal sum and the float law runs in registers. Four activations, broadcast as a
// 32-bit word from memory, meet four codes of each row (products.inl).
//
//   ternary: 32 bytes of a half are 16 columns; a masked plane is four codes w + 1. Planes 2 and 3
//     are moved down to 0 and 1; plane 1 is masked where it stands, so its codes are times 4 and
//     have sums of their own, shifted down at the end: 3 instructions to unpack 64 weights.
//     raw = sum(code * a): dot = raw - sum(a).
//   int8: 32 bytes of a half are 4 columns.
//
// Overflow of int16 (AVX2): plane 1 and 3 have codes of at most 8, and a quarter of the columns in
// each int16: 128 / 4 * 8 * 127 = 32,512. int32: ternary 8 * 127 * kMaxColumns < 2^29; int8
// 255 * 127 * kMaxColumnsInt8 < 2^31.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx2/products.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kDecodeTokens = 3;

// Raw sums of kHalves halves of a tile over at most kRun columns.
struct TernaryTile {
  static constexpr int64_t kBytes32 = 128;  // of 32 columns
  static constexpr int64_t kRun = SmallProducts::kRun / 2;
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE __m256i correct(__m256i raw, __m256i act_sums) {
    return _mm256_sub_epi32(raw, act_sums);
  }
  template <int kTokens, int kHalves>
  ONEBIT_INLINE void columns(const uint8_t* tile, const uint8_t* acts, int64_t act_stride,
                             int64_t cols, __m256i (&raw)[kTokens][kHalves]) {
    constexpr int kAll = kTokens * kHalves;
    __m256i even[kAll];
    __m256i odd[kAll];
#pragma GCC unroll 4
    for (int i = 0; i < kAll; ++i) even[i] = odd[i] = _mm256_setzero_si256();
    for (int64_t c = 0; c < cols; c += 32, tile += 128, acts += 32) {
#pragma GCC unroll 2
      for (int s = 0; s < 2; ++s) {
        _mm_prefetch(reinterpret_cast<const char*>(tile + 64 * s + 2048), _MM_HINT_T0);
#pragma GCC unroll 4
        for (int i = 0; i < 2 * kHalves; ++i) {
          const int high = i / kHalves;  // planes 0 and 1, then 2 and 3
          const int half = i % kHalves;
          __m256i step = load256(tile + 64 * s + 32 * half);
          if (high == 1) step = _mm256_srli_epi16(step, 4);
          const __m256i codes0 = _mm256_and_si256(step, _mm256_set1_epi8(3));
          const __m256i codes1 = _mm256_and_si256(step, _mm256_set1_epi8(12));
#pragma GCC unroll 3
          for (int m = 0; m < kTokens; ++m) {
            const uint8_t* a = acts + m * act_stride + 16 * s + 8 * high;
            __m256i& to0 = even[m * kHalves + half];
            __m256i& to1 = odd[m * kHalves + half];
            to0 = SmallProducts::add(to0, codes0, broadcast4(a));
            to1 = SmallProducts::add(to1, codes1, broadcast4(a + 4));
            // Added in turn: GCC would wait for all products, with some of them in memory.
            asm("" : "+x"(to0), "+x"(to1));
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kAll; ++i) {
      raw[i / kHalves][i % kHalves] = SmallProducts::join(even[i], odd[i]);
    }
  }
};

struct Int8Tile : Int8Products {
  static constexpr int64_t kBytes32 = 512;

  template <int kTokens, int kHalves>
  ONEBIT_INLINE void columns(const uint8_t* tile, const uint8_t* acts, int64_t act_stride,
                             int64_t cols, __m256i (&raw)[kTokens][kHalves]) {
    constexpr int kAll = kTokens * kHalves;
    __m256i runs[2][kAll];
#pragma GCC unroll 8
    for (int i = 0; i < 2 * kAll; ++i) runs[i / kAll][i % kAll] = _mm256_setzero_si256();
    for (int64_t c = 0; c < cols; c += 8, tile += 128, acts += 8) {
#pragma GCC unroll 2
      for (int s = 0; s < 2; ++s) {
        _mm_prefetch(reinterpret_cast<const char*>(tile + 64 * s + 4096), _MM_HINT_T0);
#pragma GCC unroll 2
        for (int half = 0; half < kHalves; ++half) {
          const auto weights = load(tile + 64 * s + 32 * half);
#pragma GCC unroll 3
          for (int m = 0; m < kTokens; ++m) {
            __m256i& to = runs[s][m * kHalves + half];
            to = add(to, weights, broadcast4(acts + m * act_stride + 4 * s));
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kAll; ++i) {
      raw[i / kHalves][i % kHalves] = _mm256_add_epi32(runs[0][i], runs[1][i]);
    }
  }
};

// kHalves halves of 8 rows times kTokens tokens under the float law, all columns.
template <typename Tile16, int kTokens, int kHalves, bool kActGroups>
ONEBIT_INLINE void decode_rows(const MatmulArgs& args, const uint8_t* tile, int64_t scales,
                               int64_t row, const int32_t (&row_sums)[kTokens]) {
  constexpr int kAll = kTokens * kHalves;
  const int64_t padded = padded_cols(args);
  const int64_t group = min_i64(args.group, padded);
  __m256 acc[kAll];
#pragma GCC unroll 4
  for (int i = 0; i < kAll; ++i) acc[i] = _mm256_setzero_ps();
  for (int64_t begin = 0, end = 0; begin < padded; begin = end, scales += 16) {
    end = min_i64(begin + group, padded);
    __m256 part[kAll];
    __m256i dots[kAll];
#pragma GCC unroll 4
    for (int i = 0; i < kAll; ++i) {
      part[i] = _mm256_setzero_ps();
      dots[i] = _mm256_setzero_si256();
    }
    constexpr int64_t kRun = kActGroups ? kActGroup : Tile16::kRun;
    int64_t g = begin / kActGroup;
    for (int64_t c = begin, stop = 0; c < end; c = stop, ++g) {
      stop = kActGroups ? c + kRun : min_i64(c + kRun, end);
      __m256i raw[kTokens][kHalves];
      Tile16::columns(tile, args.acts + c, args.act_stride, stop - c, raw);
      tile += (stop - c) / 32 * Tile16::kBytes32;
#pragma GCC unroll 4
      for (int i = 0; i < kAll; ++i) {
        const __m256i r = raw[i / kHalves][i % kHalves];
        if constexpr (!kActGroups) {
          dots[i] = _mm256_add_epi32(dots[i], r);
        } else {
          const int64_t m = i / kHalves;
          const int32_t sum = args.act_sums[m * args.sums_stride + g];
          const float scale = args.act_scales[m * args.act_scales_stride + g];
          const __m256i dot = Tile16::correct(r, _mm256_set1_epi32(sum));
          part[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(scale), part[i]);
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kAll; ++i) {
      if constexpr (!kActGroups) {
        const int64_t m = i / kHalves;
        const int32_t sum = group < padded ? act_sum(args, m, begin, end) : row_sums[m];
        part[i] = _mm256_cvtepi32_ps(Tile16::correct(dots[i], _mm256_set1_epi32(sum)));
      }
      acc[i] = _mm256_fmadd_ps(part[i], load_scales(args, scales + i % kHalves * 8), acc[i]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kAll; ++i) {
    const int64_t m = i / kHalves;
    if constexpr (!kActGroups) {
      acc[i] = _mm256_mul_ps(acc[i], _mm256_set1_ps(args.act_scales[m * args.act_scales_stride]));
    }
    store_rows(args, m, row + i % kHalves * 8, acc[i]);
  }
}

template <typename Tile16, int kTokens, bool kActGroups>
void decode(const MatmulArgs& args) {
  const int64_t padded = padded_cols(args);
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  int32_t row_sums[kTokens];  // of all columns: found once if that is the group
  for (int m = 0; m < kTokens; ++m) {
    row_sums[m] = kActGroups || args.group < padded ? 0 : act_sum(args, m, 0, padded);
  }
  // The sums of more than two tokens and both halves do not fit the registers: the other half comes
  // from the L1 cache.
  constexpr int kHalves = kTokens <= 2 ? 2 : 1;
  const uint8_t* tile = args.panels;
  int64_t scales = 0;
  for (int64_t row = 0; row < args.n_rows; row += 16) {
    for (int64_t half = 0; half < 2; half += kHalves) {
      decode_rows<Tile16, kTokens, kHalves, kActGroups>(args, tile + 32 * half, scales + 8 * half,
                                                        row + 8 * half, row_sums);
    }
    tile += args.panel_bytes;
    scales += 16 * n_groups;
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
