// Int8 activations of many tokens times ternary, binary or int8 panels, with vpdpbusd.
//
// 32 rows x 512 columns at a time are unpacked to byte codes in the L1 cache, then all tokens pass
// by in register tiles of 32 rows x up to 8 tokens: unpacking, once for up to 256 tokens, costs
// nothing, and a loaded register of codes meets every token, a broadcast activation both halves of
// the rows.
//
// Lanes. Codes lie as [columns / 4][16 rows][4 columns] for each half: vpdpbusd adds four products
// of row r to 32-bit lane r. Codes are w + 1 (0 and 2 for binary), or w + 128 for int8, whose
// panels lie so already; corrections, -sum(a) or -128 * sum(a), make dots of the sums.
//
// What a token has so far, its float accumulators and the part of a group that a block of columns
// cut, waits in scratch memory between the blocks.
//
// Overflow: |raw| <= 2 * 127 * kMaxColumns < 2^26; int8: 255 * 127 * kMaxColumnsInt8 < 2^31.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/decode.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kBlockCols = 512;
constexpr int64_t kBlockTokens = 256;
constexpr int64_t kBlockDots = kBlockCols / kActGroup;

// 32 rows x kBlockCols columns and kBlockTokens tokens on their way.
struct Block {
  int64_t begin;  // columns
  int64_t end;
  const uint8_t* codes[2];  // of rows 0..15 and 16..31, from column begin
  const float* scales[2];   // of group 0
  int64_t scales_stride;    // to the next group
  // What makes dots of raw sums: [token][dot of the block], and of a whole row.
  int32_t corrections[kBlockTokens][kBlockDots];
  int32_t row_correction[kBlockTokens];
  // [token][row]: sums under the float law, and the part of a group before `begin`: f32 with a
  // scale per kActGroup columns, else int32.
  alignas(64) float acc[kBlockTokens][32];
  alignas(64) uint8_t part[kBlockTokens][128];
  alignas(64) uint8_t buffer[2][(kBlockCols + 32) * 16];  // triples overlap blocks
};

ONEBIT_INLINE int64_t padded_cols(const MatmulArgs& args) {
  return (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
}

// End of the part of a weight group that starts at column c.
ONEBIT_INLINE int64_t part_end(const MatmulArgs& args, const Block& block, int64_t c) {
  return args.group >= block.end ? block.end
                                 : min_i64((c / args.group + 1) * args.group, block.end);
}

// sums[m][h] += codes of columns begin .. end - 1 times activations.
template <int kTokens>
ONEBIT_INLINE void add_products(const Block& block, const uint8_t* acts, int64_t act_stride,
                                int64_t begin, int64_t end, __m512i (&sums)[kTokens][2]) {
  const uint8_t* codes0 = block.codes[0] + (begin - block.begin) * 16;
  const uint8_t* codes1 = block.codes[1] + (begin - block.begin) * 16;
  for (int64_t c = begin; c < end; c += 4, codes0 += 64, codes1 += 64) {
    const __m512i low = _mm512_load_si512(codes0);
    const __m512i high = _mm512_load_si512(codes1);
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) {
      const __m512i a = broadcast4(acts + m * act_stride + c);
      sums[m][0] = _mm512_dpbusd_epi32(sums[m][0], low, a);
      sums[m][1] = _mm512_dpbusd_epi32(sums[m][1], high, a);
    }
  }
}

// Tokens first .. first + kTokens - 1 of the call, `at` .. of the token block: one scale a token.
template <int kTokens>
void block_tokens(const MatmulArgs& args, Block& block, int64_t first, int64_t at) {
  const uint8_t* acts = args.acts + first * args.act_stride;
  const int64_t padded = padded_cols(args);
  int64_t dot_index = 0;
  for (int64_t c = block.begin, end = 0; c < block.end; c = end, ++dot_index) {
    end = part_end(args, block, c);
    const int64_t group = args.group >= padded ? 0 : c / args.group;
    const bool starts = c == group * args.group;
    const bool ends = end == padded || end == (group + 1) * args.group;
    __m512i sums[kTokens][2];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * 2; ++i) {
      sums[i / 2][i % 2] =
          starts ? _mm512_setzero_si512() : _mm512_load_si512(block.part[at + i / 2] + i % 2 * 64);
    }
    add_products(block, acts, args.act_stride, c, end, sums);
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * 2; ++i) {
      const int64_t m = at + i / 2;
      if (!ends) {
        _mm512_store_si512(block.part[m] + i % 2 * 64, sums[i / 2][i % 2]);
        continue;
      }
      const __m512i dot =
          _mm512_add_epi32(sums[i / 2][i % 2], _mm512_set1_epi32(block.corrections[m][dot_index]));
      const __m512 scale = _mm512_loadu_ps(block.scales[i % 2] + group * block.scales_stride);
      float* acc = block.acc[m] + i % 2 * 16;
      _mm512_store_ps(acc, _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, _mm512_load_ps(acc)));
    }
  }
}

// The same with a scale per kActGroup columns.
template <int kTokens>
void block_tokens_groups(const MatmulArgs& args, Block& block, int64_t first, int64_t at) {
  const uint8_t* acts = args.acts + first * args.act_stride;
  const float* act_scales = args.act_scales + first * args.act_scales_stride;
  const int64_t padded = padded_cols(args);
  for (int64_t c = block.begin, end = 0; c < block.end; c = end) {
    end = part_end(args, block, c);
    const int64_t group = args.group >= padded ? 0 : c / args.group;
    const bool starts = c == group * args.group;
    const bool ends = end == padded || end == (group + 1) * args.group;
    __m512 part[kTokens][2];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * 2; ++i) {
      part[i / 2][i % 2] =
          starts ? _mm512_setzero_ps() : _mm512_load_ps(block.part[at + i / 2] + i % 2 * 64);
    }
    for (int64_t k = c; k < end; k += kActGroup) {
      __m512i sums[kTokens][2];
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) {
        sums[m][0] = sums[m][1] =
            _mm512_set1_epi32(block.corrections[at + m][(k - block.begin) / kActGroup]);
      }
      add_products(block, acts, args.act_stride, k, k + kActGroup, sums);
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) {
        const __m512 scale = _mm512_set1_ps(act_scales[m * args.act_scales_stride + k / kActGroup]);
        part[m][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[m][0]), scale, part[m][0]);
        part[m][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[m][1]), scale, part[m][1]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * 2; ++i) {
      const int64_t m = at + i / 2;
      if (!ends) {
        _mm512_store_ps(block.part[m] + i % 2 * 64, part[i / 2][i % 2]);
        continue;
      }
      const __m512 scale = _mm512_loadu_ps(block.scales[i % 2] + group * block.scales_stride);
      float* acc = block.acc[m] + i % 2 * 16;
      _mm512_store_ps(acc, _mm512_fmadd_ps(part[i / 2][i % 2], scale, _mm512_load_ps(acc)));
    }
  }
}

using BlockKernel = void (*)(const MatmulArgs& args, Block& block, int64_t first, int64_t at);
// By tokens - 1. With scales per 32 columns a tile has two registers per token and half.
constexpr BlockKernel kBlockTokensTable[8] = {block_tokens<1>, block_tokens<2>, block_tokens<3>,
                                              block_tokens<4>, block_tokens<5>, block_tokens<6>,
                                              block_tokens<7>, block_tokens<8>};
constexpr BlockKernel kBlockGroupsTable[6] = {block_tokens_groups<1>, block_tokens_groups<2>,
                                              block_tokens_groups<3>, block_tokens_groups<4>,
                                              block_tokens_groups<5>, block_tokens_groups<6>};

// Unpackers: rows row .. row + 31 (16 of them twice where a matrix ends), the columns of `block`.

// Panels of 16 rows.
ONEBIT_INLINE const uint8_t* half_panel(const MatmulArgs& args, int64_t row, int half) {
  const int64_t last = (args.n_rows - 1) / 16;
  return args.panels + min_i64(row / 16 + half, last) * args.panel_bytes;
}

ONEBIT_INLINE void half_scales(const MatmulArgs& args, int64_t row, Block& block) {
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const int64_t last = (args.n_rows - 1) / 16;
  for (int h = 0; h < 2; ++h) {
    block.scales[h] = args.scales + min_i64(row / 16 + h, last) * 16 * n_groups;
  }
  block.scales_stride = 16;
}

struct TernaryCodes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const __m512i low = _mm512_set1_epi8(3);
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin * 4;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += 64, to += 256) {
        _mm_prefetch(reinterpret_cast<const char*>(from + 2048), _MM_HINT_T0);
        const __m512i step = _mm512_load_si512(from);
        _mm512_store_si512(to, _mm512_and_si512(step, low));
        _mm512_store_si512(to + 64, _mm512_and_si512(_mm512_srli_epi16(step, 2), low));
        _mm512_store_si512(to + 128, _mm512_and_si512(_mm512_srli_epi16(step, 4), low));
        _mm512_store_si512(to + 192, _mm512_and_si512(_mm512_srli_epi16(step, 6), low));
      }
    }
  }
};

struct Int8Codes {
  static constexpr int32_t kSumFactor = -128;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    for (int h = 0; h < 2; ++h) block.codes[h] = half_panel(args, row, h) + block.begin * 16;
  }
};

// A tile of 32 rows. One vpmultishiftqb copies the 16-bit word of a row to both halves of a 32-bit
// lane so that bit 1 + p of byte j is column 4p + j: bit offsets -1, 7, 3, 11 from the word's.
struct BinaryCodes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    const int64_t n_groups = (args.cols - 1) / args.group + 1;
    const int64_t panel_row = row / 128 * 128;
    const float* first = args.scales + panel_row * n_groups + (row - panel_row);
    block.scales[0] = first;
    block.scales[1] = first + 16;
    block.scales_stride = tiles(args, panel_row) * 32;
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const __m512i even = _mm512_set1_epi64(0x2b23'271f'0b03'073f);
    const __m512i odd = _mm512_set1_epi64(0x3b33'372f'1b13'170f);
    const __m512i two = _mm512_set1_epi8(2);
    const int64_t panel_row = row / 128 * 128;
    const int64_t step_bytes = tiles(args, panel_row) * 64;
    const uint8_t* from = args.panels + row / 128 * args.panel_bytes + (row - panel_row) * 2 +
                          block.begin / 16 * step_bytes;
    block.codes[0] = block.buffer[0];
    block.codes[1] = block.buffer[1];
    for (int64_t k = 0; k < block.end - block.begin; k += 16, from += step_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(from + 4096), _MM_HINT_T0);
      const __m512i step = _mm512_load_si512(from);
      const __m512i low = _mm512_multishift_epi64_epi8(even, step);
      const __m512i high = _mm512_multishift_epi64_epi8(odd, step);
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p) {
        const int64_t to = k * 16 + 64 * p;
        _mm512_store_si512(block.buffer[0] + to, _mm512_and_si512(_mm512_srli_epi16(low, p), two));
        _mm512_store_si512(block.buffer[1] + to, _mm512_and_si512(_mm512_srli_epi16(high, p), two));
      }
    }
  }

 private:
  ONEBIT_INLINE int64_t tiles(const MatmulArgs& args, int64_t panel_row) {
    return (min_i64(args.n_rows - panel_row, 128) + 31) / 32;
  }
};

// What makes dots of raw sums, for tokens first .. first + n - 1.
template <int32_t kSumFactor>
void correct(const MatmulArgs& args, int64_t first, int64_t n, Block& block) {
  const int64_t padded = padded_cols(args);
  for (int64_t i = 0; i < n; ++i) {
    int32_t* to = block.corrections[i];
    const int32_t* sums = args.act_sums + (first + i) * args.sums_stride;
    if (args.act_groups) {
      for (int64_t c = block.begin; c < block.end; c += kActGroup) {
        *to++ = kSumFactor * sums[c / kSumBlock];
      }
      continue;
    }
    if (args.group >= padded) {
      *to = block.row_correction[i];
      continue;
    }
    for (int64_t c = block.begin; c < block.end;) {  // whole groups, needed where they end
      const int64_t end = part_end(args, block, c);
      *to++ = kSumFactor * act_sum(args, first + i, c / args.group * args.group, end);
      c = end;
    }
  }
}

ONEBIT_INLINE void store_tokens(const MatmulArgs& args, int64_t row, int64_t first, int64_t n,
                                const Block& block) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t m = first + i;
    for (int64_t h = 0; h < 2; ++h) {
      const int64_t left = args.n_rows - row - 16 * h;
      if (left <= 0) break;
      const auto rows = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
      __m512 y = _mm512_load_ps(block.acc[i] + 16 * h);
      if (!args.act_groups) {
        y = _mm512_mul_ps(y, _mm512_set1_ps(args.act_scales[m * args.act_scales_stride]));
      }
      _mm512_mask_storeu_ps(args.y + m * args.y_stride + row + 16 * h, rows, y);
    }
  }
}

template <typename Codes>
void gemm(const MatmulArgs& args) {
  const int64_t padded = padded_cols(args);
  const BlockKernel* kernels = args.act_groups ? kBlockGroupsTable : kBlockTokensTable;
  const int64_t most = args.act_groups ? 6 : 8;
  Block block;
  for (int64_t first = 0; first < args.n_tokens; first += kBlockTokens) {
    const int64_t n = min_i64(kBlockTokens, args.n_tokens - first);
    const int64_t n_tiles = (n + most - 1) / most;  // of about equal numbers of tokens
    for (int64_t i = 0; !args.act_groups && i < n; ++i) {
      block.row_correction[i] = Codes::kSumFactor * act_sum(args, first + i, 0, padded);
    }
    for (int64_t row = 0; row < args.n_rows; row += 32) {
      memset(block.acc, 0, static_cast<size_t>(n) * sizeof block.acc[0]);
      Codes::scales(args, row, block);
      for (block.begin = 0; block.begin < padded; block.begin = block.end) {
        block.end = min_i64(block.begin + kBlockCols, padded);
        Codes::unpack(args, row, block);
        correct<Codes::kSumFactor>(args, first, n, block);
        for (int64_t t = 0; t < n_tiles; ++t) {
          const int64_t at = n * t / n_tiles;
          const int64_t tokens = n * (t + 1) / n_tiles - at;
          kernels[tokens - 1](args, block, first + at, at);
        }
      }
      store_tokens(args, row, first, n, block);
    }
  }
}

}  // namespace
}  // namespace onebit
