// Panels of 5 bits per 3 ternary weights times one to three tokens, with VBMI.
//
// 40 bytes are 16 rows x 12 columns: 64 numbers of 5 bits. vpermb spreads 5 bytes to each 64-bit
// lane, vpmultishiftqb cuts them into eight bytes, and a second vpermb looks each up in a table of
// three digits, t0 | t1 << 2 | t2 << 4. Byte j of 32-bit lane r then has columns j, 4 + j and 8 + j
// of row r as planes of 2 bits: from there on as ternary panels (decode.inl), with three planes.
// Cut bytes have stray bits above the fifth; vpermb takes six, so the table is there twice.
//
// A step of two tiles is 80 bytes, so five lines of memory are four steps.
//
// Overflow: a masked code is at most 2 << 4 = 32: a quarter of decode.inl's bound.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/decode.inl"
#include "kernels/avx512/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

struct TripleTables {
  alignas(64) uint8_t spread[64];  // byte 8q + i is byte 5q + i, i < 5
  alignas(64) uint8_t digits[64];
};

constexpr TripleTables make_triple_tables() {
  TripleTables t{};
  for (int i = 0; i < 64; ++i) {
    t.spread[i] = static_cast<uint8_t>(i / 8 * 5 + (i % 8 < 5 ? i % 8 : 0));
    const int n = i % 32;
    t.digits[i] = static_cast<uint8_t>(n % 3 | n / 3 % 3 << 2 | n / 9 % 3 << 4);
  }
  return t;
}
constexpr TripleTables kTripleTables = make_triple_tables();

// 16 rows x 12 columns as three planes of 2 bits. Reads 64 bytes.
struct TripleDecoder {
  __m512i spread = _mm512_load_si512(kTripleTables.spread);
  __m512i digits = _mm512_load_si512(kTripleTables.digits);
  __m512i offsets = _mm512_set1_epi64(0x23'1e'19'14'0f'0a'05'00);

  __attribute__((always_inline)) __m512i operator()(const uint8_t* tile) const {
    const __m512i lanes = _mm512_permutexvar_epi8(spread, _mm512_loadu_si512(tile));
    return _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(offsets, lanes), digits);
  }
};

// kTiles tiles side by side times kTokens tokens, all columns.
template <int kTiles, int kTokens>
void decode_triples(const MatmulArgs& args, const uint8_t* panel, int64_t row,
                    const int32_t (&row_sums)[kTokens]) {
  const TripleDecoder decoder;
  __m512i sums[kTiles][kTokens][3];
#pragma GCC unroll 18
  for (int i = 0; i < kTiles * kTokens * 3; ++i) {
    sums[i / 3 / kTokens][i / 3 % kTokens][i % 3] = _mm512_setzero_si512();
  }
  const auto step = [&](const uint8_t* const(&acts)[kTokens]) __attribute__((always_inline)) {
    __m512i a[kTokens][3];
#pragma GCC unroll 9
    for (int i = 0; i < kTokens * 3; ++i) a[i / 3][i % 3] = broadcast4(acts[i / 3] + i % 3 * 4);
#pragma GCC unroll 2
    for (int t = 0; t < kTiles; ++t, panel += 40) {
      const __m512i planes = decoder(panel);
#pragma GCC unroll 3
      for (int p = 0; p < 3; ++p) {
        const __m512i codes =
            _mm512_and_si512(planes, _mm512_set1_epi8(static_cast<char>(3 << (2 * p))));
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          sums[t][m][p] = _mm512_dpbusd_epi32(sums[t][m][p], codes, a[m][p]);
        }
      }
    }
  };
  const uint8_t* acts[kTokens];
  for (int m = 0; m < kTokens; ++m) acts[m] = args.acts + m * args.act_stride;
  int64_t left = args.cols;
  for (; left >= 12; left -= 12) {
    _mm_prefetch(reinterpret_cast<const char*>(panel + 2048), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(panel + 2112), _MM_HINT_T0);
    step(acts);
    for (int m = 0; m < kTokens; ++m) acts[m] += 12;
  }
  if (left > 0) {  // past the activations' padding lies something else
    uint8_t rest[kTokens][12] = {};
    for (int m = 0; m < kTokens; ++m) {
      memcpy(rest[m], acts[m], static_cast<size_t>(left));
      acts[m] = rest[m];
    }
    step(acts);
  }
#pragma GCC unroll 2
  for (int t = 0; t < kTiles; ++t) {
    const int64_t rows_left = args.n_rows - row - 16 * t;
    if (rows_left <= 0) break;
    const auto rows = static_cast<__mmask16>(rows_left >= 16 ? 0xffff : (1 << rows_left) - 1);
    const __m512 weight_scale = load_scales(args, row + 16 * t);
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) {
      const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(sums[t][m][1], 2),
                                            _mm512_srai_epi32(sums[t][m][2], 4));
      const __m512i raw = _mm512_add_epi32(sums[t][m][0], high);
      const __m512i dot = _mm512_sub_epi32(raw, _mm512_set1_epi32(row_sums[m]));
      // fma with +0, then the token's scale: the float law for one group
      const __m512 acc =
          _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), weight_scale, _mm512_setzero_ps());
      const __m512 y =
          _mm512_mul_ps(acc, _mm512_set1_ps(args.act_scales[m * args.act_scales_stride]));
      _mm512_mask_storeu_ps(args.y + m * args.y_stride + row + 16 * t, rows, y);
    }
  }
}

template <int kTokens>
void decode_triples(const MatmulArgs& args) {
  const int64_t padded = (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  int32_t row_sums[kTokens];
  for (int m = 0; m < kTokens; ++m) row_sums[m] = act_sum(args, m, 0, padded);
  for (int64_t row = 0; row < args.n_rows; row += 32) {
    const uint8_t* panel = args.panels + row / 32 * args.panel_bytes;
    if (args.n_rows - row > 16) {
      decode_triples<2, kTokens>(args, panel, row, row_sums);
    } else {
      decode_triples<1, kTokens>(args, panel, row, row_sums);
    }
  }
}

// For gemm(). A block of columns begins and ends within triples.
template <typename Bytes>
struct TriplePlanes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    block.scales_at[0] = row;
    block.scales_at[1] = row + (tiles(args, row) - 1) * 16;
    block.scales_stride = 0;  // one group
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const Bytes bytes;
    const TripleDecoder decoder;
    const int64_t n_tiles = tiles(args, row);
    const int64_t first = block.begin / 12;
    const int64_t steps = (min_i64(block.end, args.cols) + 11) / 12 - first;
    const uint8_t* panel = args.panels + row / 32 * args.panel_bytes + first * n_tiles * 40;
    for (int64_t h = 0; h < n_tiles; ++h) {
      const uint8_t* from = panel + h * 40;
      uint8_t* to = block.buffer[h];
      for (int64_t s = 0; s < steps; ++s, from += n_tiles * 40, to += 192) {
        _mm_prefetch(reinterpret_cast<const char*>(from + 2048), _MM_HINT_T0);
        const __m512i planes = decoder(from);
        _mm512_store_si512(to, bytes(planes));
        _mm512_store_si512(to + 64, bytes(_mm512_srli_epi16(planes, 2)));
        _mm512_store_si512(to + 128, bytes(_mm512_srli_epi16(planes, 4)));
      }
    }
    const int64_t offset = (block.begin - first * 12) * 16;
    block.codes[0] = block.buffer[0] + offset;
    block.codes[1] = block.buffer[n_tiles - 1] + offset;
  }

 private:
  // The second half is the first one again where the matrix ends.
  ONEBIT_INLINE int64_t tiles(const MatmulArgs& args, int64_t row) {
    return args.n_rows - row > 16 ? 2 : 1;
  }
};
using TripleCodes = TriplePlanes<CodeBytes>;

}  // namespace
}  // namespace onebit
