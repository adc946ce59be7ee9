// Register tiles of 16 rows x several tokens: the Products of kernels/gemm.inl, by what the source
// is compiled for:
//   SMMLA (i8mm) multiplies 2 tokens x 8 columns by 8 columns x 2 rows: 32 products, twice those of
//     SDOT. Codes lie as [columns / 8][16 rows][8 columns]; activations of two tokens are zipped. A
//     register of sums is [2 tokens][2 rows]; a pair of them is exchanged for [4 rows] of either
//     token around the loop.
//   SDOT adds four products to each of four rows, with activations by lane number.
//   SMLAL adds 8 products to int16 lanes, over a block of columns. For weights of 8 bits SMULL and
//     SMLAL add two products, SADALP widens pairs of these sums.
// All are signed times signed: codes of int8 panels, w + 128, become w.
//
// Overflow of int16: as in widening_tiles.inl. int32: |raw| <= 2 * 127 * kMaxColumns < 2^26; int8:
// 127 * 127 * kMaxColumnsInt8 < 2^30.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"
#include "kernels/neon/decode.inl"
#if !defined(__ARM_FEATURE_DOTPROD)
#include "kernels/neon/widening_tiles.inl"
#endif

namespace onebit {
namespace {

ONEBIT_INLINE int8x16_t load_codes(const uint8_t* at) {
  return vreinterpretq_s8_u8(vld1q_u8(at));
}

constexpr int kTileParts = 16 / kNative;  // 16 rows: the rest of the registers is for tokens

// The block's codes of the tile's rows from column `col` on.
ONEBIT_INLINE const uint8_t* tile_codes(const Block& block, int64_t part0, int64_t col) {
  return block.codes[part0 / kTileParts] + (col - block.begin) * 16;
}

#if defined(__ARM_FEATURE_MATMUL_INT8)

// [2 tokens][2 rows] of rows 0, 1 and of 2, 3 from [4 rows] of two tokens, and back.
ONEBIT_INLINE void exchange(int32x4_t& a, int32x4_t& b) {
  const int64x2_t x = vreinterpretq_s64_s32(a);
  const int64x2_t y = vreinterpretq_s64_s32(b);
  a = vreinterpretq_s32_s64(vtrn1q_s64(x, y));
  b = vreinterpretq_s32_s64(vtrn2q_s64(x, y));
}

struct SignedProducts {
  static constexpr int kRegisters = 32;
  static constexpr int kParts = kTileParts;
  static constexpr int kTokens = 4;
  static constexpr int kTokensGroups = 4;

  template <int kN>
  ONEBIT_INLINE void add_group(const Block& block, int64_t part0, const uint8_t* acts,
                               int64_t act_stride, int64_t begin, NI (&sums)[kN][kParts]) {
    add(block, part0, acts, act_stride, begin, begin + kActGroup, sums);
  }

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, int64_t part0, const uint8_t* acts, int64_t act_stride,
                         int64_t begin, int64_t end, NI (&sums)[kN][kParts]) {
    constexpr int kPairs = (kN + 1) / 2;
    int32x4_t tiles[2 * kPairs][4];  // of an odd last token two copies, one of which is not used
#pragma GCC unroll 12
    for (int i = 0; i < kPairs * 4; ++i) {
      const int m = i / 4 * 2;
      tiles[m][i % 4] = (int32x4_t)sums[m][i % 4];
      tiles[m + 1][i % 4] = (int32x4_t)sums[m + 1 < kN ? m + 1 : m][i % 4];
      exchange(tiles[m][i % 4], tiles[m + 1][i % 4]);
    }
    const uint8_t* codes = tile_codes(block, part0, begin);
    for (int64_t c = begin; c < end; c += 16, codes += 256) {
      int8x16_t a[2][kPairs];
#pragma GCC unroll 3
      for (int i = 0; i < kPairs; ++i) {
        const int m = 2 * i;
        const auto load = [&](int token) {
          return vreinterpretq_s64_u8(vld1q_u8(acts + token * act_stride + c));
        };
        const int64x2_t x = load(m);
        const int64x2_t y = m + 1 < kN ? load(m + 1) : x;
        a[0][i] = vreinterpretq_s8_s64(vzip1q_s64(x, y));
        a[1][i] = vreinterpretq_s8_s64(vzip2q_s64(x, y));
      }
#pragma GCC unroll 8
      for (int j = 0; j < 16; j += 2) {
        const int8x16_t rows[2] = {load_codes(codes + 16 * j), load_codes(codes + 16 * j + 16)};
#pragma GCC unroll 6
        for (int i = 0; i < 2 * kPairs; ++i) {
          int32x4_t& to = tiles[i][j % 8 / 2];
          to = vmmlaq_s32(to, a[j / 8][i / 2], rows[i % 2]);
        }
        keep_order();
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kPairs * 4; ++i) {
      const int m = i / 4 * 2;
      exchange(tiles[m][i % 4], tiles[m + 1][i % 4]);
      sums[m][i % 4] = (NI)tiles[m][i % 4];
      if (m + 1 < kN) sums[m + 1][i % 4] = (NI)tiles[m + 1][i % 4];
    }
  }
};
using CodeProducts = SignedProducts;
using Int8Products = SignedProducts;

#elif defined(__ARM_FEATURE_DOTPROD)

struct DotProducts {
  static constexpr int kRegisters = 32;
  static constexpr int kParts = kTileParts;
  static constexpr int kTokens = 4;
  static constexpr int kTokensGroups = 4;

  template <int kN>
  ONEBIT_INLINE void add_group(const Block& block, int64_t part0, const uint8_t* acts,
                               int64_t act_stride, int64_t begin, NI (&sums)[kN][kParts]) {
    add(block, part0, acts, act_stride, begin, begin + kActGroup, sums);
  }

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, int64_t part0, const uint8_t* acts, int64_t act_stride,
                         int64_t begin, int64_t end, NI (&sums)[kN][kParts]) {
    const uint8_t* codes = tile_codes(block, part0, begin);
    for (int64_t c = begin; c < end; c += 16, codes += 256) {
      int8x16_t a[kN];
      load_acts(acts + c, act_stride, a);
      add_four<0>(codes, a, sums);
      add_four<1>(codes + 64, a, sums);
      add_four<2>(codes + 128, a, sums);
      add_four<3>(codes + 192, a, sums);
    }
  }

 private:
  template <int kLane, int kN>
  ONEBIT_INLINE void add_four(const uint8_t* codes, const int8x16_t (&a)[kN],
                              NI (&sums)[kN][kParts]) {
#pragma GCC unroll 2
    for (int i = 0; i < 4; i += 2) {
      const int8x16_t rows[2] = {load_codes(codes + 16 * i), load_codes(codes + 16 * i + 16)};
#pragma GCC unroll 8
      for (int j = 0; j < kN * 2; ++j) {
        NI& to = sums[j / 2][i + j % 2];
        to = (NI)vdotq_laneq_s32((int32x4_t)to, rows[j % 2], a[j / 2], kLane);
      }
      keep_order();
    }
  }
};
using CodeProducts = DotProducts;
using Int8Products = DotProducts;

#else

static_assert(kBlockCols <= 512);  // for the sums in int16

// Codes 0 .. 2.
struct CodeProducts {
  static constexpr int kRegisters = 32;
  static constexpr int kParts = kTileParts;
  static constexpr int kTokens = 2;
  static constexpr int kTokensGroups = 2;

  template <int kN>
  ONEBIT_INLINE void add_group(const Block& block, int64_t part0, const uint8_t* acts,
                               int64_t act_stride, int64_t begin, NI (&sums)[kN][kParts]) {
    add(block, part0, acts, act_stride, begin, begin + kActGroup, sums);
  }

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, int64_t part0, const uint8_t* acts, int64_t act_stride,
                         int64_t begin, int64_t end, NI (&sums)[kN][kParts]) {
    int16x8_t pairs[kN][8];  // two rows each
#pragma GCC unroll 24
    for (int i = 0; i < kN * 8; ++i) pairs[i / 8][i % 8] = vdupq_n_s16(0);
    const uint8_t* codes = tile_codes(block, part0, begin);
    for (int64_t c = begin; c < end; c += 16, codes += 256) {
      int8x16_t a[kN][4];
      load_copies(acts + c, act_stride, a);
#pragma GCC unroll 16
      for (int j = 0; j < 16; ++j) {
        const int8x16_t rows = load_codes(codes + 16 * j);
        const int p = j / 4;
        const int i = j % 4 * 2;
#pragma GCC unroll 3
        for (int m = 0; m < kN; ++m) {
          pairs[m][i] = vmlal_s8(pairs[m][i], vget_low_s8(rows), vget_low_s8(a[m][p]));
          pairs[m][i + 1] = vmlal_high_s8(pairs[m][i + 1], rows, a[m][p]);
        }
        if (j % 2 == 1) keep_order();
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kN * 4; ++i) {
      const int16x8_t* from = pairs[i / 4] + i % 4 * 2;
      sums[i / 4][i % 4] += (NI)vpaddq_s32(vpaddlq_s16(from[0]), vpaddlq_s16(from[1]));
    }
  }
};

struct Int8Products {
  static constexpr int kRegisters = 32;
  static constexpr int kParts = kTileParts;
  static constexpr int kTokens = 2;
  static constexpr int kTokensGroups = 2;

  template <int kN>
  ONEBIT_INLINE void add_group(const Block& block, int64_t part0, const uint8_t* acts,
                               int64_t act_stride, int64_t begin, NI (&sums)[kN][kParts]) {
    add(block, part0, acts, act_stride, begin, begin + kActGroup, sums);
  }

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, int64_t part0, const uint8_t* acts, int64_t act_stride,
                         int64_t begin, int64_t end, NI (&sums)[kN][kParts]) {
    int32x4_t pairs[kN][4][2];  // two rows each
#pragma GCC unroll 16
    for (int i = 0; i < kN * 8; ++i) pairs[i / 8][i / 2 % 4][i % 2] = vdupq_n_s32(0);
    const uint8_t* codes = tile_codes(block, part0, begin);
    for (int64_t c = begin; c < end; c += 16, codes += 256) {
      int8x16_t a[kN][4];
      load_copies(acts + c, act_stride, a);
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) {
        const int p = j / 4 * 2;
        const int8x16_t w0 = load_codes(codes + 64 * p + 16 * (j % 4));
        const int8x16_t w1 = load_codes(codes + 64 * p + 64 + 16 * (j % 4));
#pragma GCC unroll 2
        for (int m = 0; m < kN; ++m) {
          Int8Tile::add_products(w0, a[m][p], w1, a[m][p + 1], pairs[m][j % 4]);
        }
        keep_order();
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kN * 4; ++i) {
      sums[i / 4][i % 4] += (NI)vpaddq_s32(pairs[i / 4][i % 4][0], pairs[i / 4][i % 4][1]);
    }
  }
};

#endif

}  // namespace
}  // namespace onebit
