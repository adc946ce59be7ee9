// Binary panels times one to three tokens: the speed of memory, by table lookup.
//
// vpdpbusd needs four instructions per 64 weights of one bit, which is slower than memory brings
// them. Here a 16-bit word, 16 columns of a row, is cut in 5 + 5 + 6 bits, and for each piece the
// token has a table of all its partial sums in int16: 32, 32 and 64 entries, looked up for 32 rows
// at once by vpermw (which takes the low 5 bits of its index), vpermw and vpermi2w. A bit of 0
// counts as -1, so the sum is the dot itself. 8 instructions per 512 weights, and a table of 256
// bytes per 16 columns, loaded once per panel of 128 rows.
//
// Lanes. Word 2i is row i of the tile, word 2i + 1 row 16 + i: the int16 sums widen to int32 by
// shifts alone, and each half is 16 rows in order.
//
// Overflow: int16 holds 127 * 256 = 32,512, so at most 256 columns are added before widening.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kLookupTokens = 3;
constexpr int64_t kTableInts = 128;  // int16 of the three tables of 16 columns

// [M][K / 16][kTableInts] int16
int64_t lookup_bytes(int64_t cols, int64_t n_tokens) noexcept {
  if (n_tokens > kLookupTokens) return 0;
  return n_tokens * ((cols + kColumnPad - 1) / kColumnPad) * (kColumnPad / 16) * kTableInts * 2;
}

// All sums of +-v[0..4], bit j of the entry choosing the sign of v[j], plus `rest`.
ONEBIT_INLINE __m512i signed_sums(const int16_t* v, int rest) {
  constexpr uint32_t kBit[5] = {0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000};
  __m512i sums = _mm512_set1_epi16(static_cast<int16_t>(rest - (v[0] + v[1] + v[2] + v[3] + v[4])));
#pragma GCC unroll 5
  for (int j = 0; j < 5; ++j) {
    const __m512i twice = _mm512_set1_epi16(static_cast<int16_t>(2 * v[j]));
    sums = _mm512_mask_add_epi16(sums, kBit[j], sums, twice);
  }
  return sums;
}

void lookup_prepare(const PrepareArgs& args, int64_t begin, int64_t end) noexcept {
  const int64_t padded = (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  for (int64_t m = 0; m < args.n_tokens; ++m) {
    const auto* acts = reinterpret_cast<const int8_t*>(args.acts + m * args.act_stride);
    auto* tables = reinterpret_cast<int16_t*>(args.out) + m * padded / 16 * kTableInts;
    for (int64_t c = begin; c < end; c += 16) {
      int16_t v[16];  // by bit: columns 4p, 4p + 2, 4p + 1, 4p + 3
      for (int p = 0; p < 4; ++p) {
        v[p] = acts[c + 4 * p];
        v[4 + p] = acts[c + 4 * p + 2];
        v[8 + p] = acts[c + 4 * p + 1];
        v[12 + p] = acts[c + 4 * p + 3];
      }
      int16_t* table = tables + c / 16 * kTableInts;
      _mm512_store_si512(table, signed_sums(v, 0));
      _mm512_store_si512(table + 32, signed_sums(v + 5, 0));
      _mm512_store_si512(table + 64, signed_sums(v + 10, -v[15]));
      _mm512_store_si512(table + 96, signed_sums(v + 10, v[15]));
    }
  }
}

constexpr Preparation kLookup = {lookup_bytes, lookup_prepare};

// 1,024 columns of a panel, 16 KiB, times the tables of a token, as many bytes: both stay in the L1
// cache while a batch of panels passes by.
constexpr int64_t kLookupCols = 1024;
constexpr int64_t kLookupPanels = 16;

// What a panel and a token have so far, by halves of 16 rows: sums under the float law, and the
// part of a weight group that a chunk cut (f32 with a scale per kActGroup columns, else int32).
struct LookupState {
  alignas(64) float acc[8][16];
  alignas(64) uint8_t part[8][64];
};

// Columns begin .. end - 1 of a panel.
struct LookupChunk {
  int64_t begin;
  int64_t end;
  const uint8_t* panel;  // at column begin
  const float* scales;   // of group 0
  const int16_t* table;  // at column begin
  const float* act_scales;
  int64_t next_panel;   // bytes from here to the chunk that comes next,
  int64_t next_scales;  // and to its scales
};

// sums[t] += n_steps * 16 columns of tile t.
template <int kTiles>
ONEBIT_INLINE void look_up(const uint8_t*& panel, const int16_t*& table, int64_t n_steps,
                           int64_t next, __m512i (&sums)[kTiles]) {
  for (int64_t s = 0; s < n_steps; ++s, panel += 64 * kTiles, table += kTableInts) {
    const __m512i low = _mm512_load_si512(table);
    const __m512i middle = _mm512_load_si512(table + 32);
    const __m512i high0 = _mm512_load_si512(table + 64);
    const __m512i high1 = _mm512_load_si512(table + 96);
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t) {
      _mm_prefetch(reinterpret_cast<const char*>(panel + 64 * t + next), _MM_HINT_T1);
      const __m512i words = _mm512_load_si512(panel + 64 * t);
      const __m512i a = _mm512_permutexvar_epi16(words, low);
      const __m512i b = _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 5), middle);
      const __m512i c = _mm512_permutex2var_epi16(high0, _mm512_srli_epi16(words, 10), high1);
      sums[t] = _mm512_add_epi16(_mm512_add_epi16(sums[t], a), _mm512_add_epi16(b, c));
    }
  }
}

// int16 sums of a tile as int32: rows 0..15, then 16..31.
ONEBIT_INLINE __m512i widen(__m512i sums, int half) {
  return _mm512_srai_epi32(half == 0 ? _mm512_slli_epi32(sums, 16) : sums, 16);
}

template <int kTiles, bool kActGroups>
void lookup_chunk(const MatmulArgs& args, const LookupChunk& chunk, LookupState& state) {
  constexpr int kHalves = 2 * kTiles;
  const int64_t padded = (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  const int64_t group = min_i64(args.group, padded);
  const uint8_t* panel = chunk.panel;
  const int16_t* table = chunk.table;
  const float* scales = chunk.scales + chunk.begin / group * kHalves * 16;
  int64_t group_end = (chunk.begin / group + 1) * group;
  __m512 acc[kHalves];
  __m512i dots[kHalves];  // of the group so far, or
  __m512 part[kHalves];   // their sum times activation scales
#pragma GCC unroll 8
  for (int h = 0; h < kHalves; ++h) {
    acc[h] = _mm512_load_ps(state.acc[h]);
    dots[h] = _mm512_load_si512(state.part[h]);
    part[h] = _mm512_load_ps(state.part[h]);
  }
  for (int64_t c = chunk.begin; c < chunk.end;) {
    const int64_t end = min_i64(group_end, chunk.end);
    __m512i sums[kTiles];
    while (c < end) {
      const int64_t next = kActGroups ? c + kActGroup : min_i64(c + 256, end);
#pragma GCC unroll 4
      for (int t = 0; t < kTiles; ++t) sums[t] = _mm512_setzero_si512();
      look_up(panel, table, kActGroups ? kActGroup / 16 : (next - c) / 16, chunk.next_panel, sums);
      const __m512 scale = _mm512_set1_ps(kActGroups ? chunk.act_scales[c / kActGroup] : 0.0f);
#pragma GCC unroll 8
      for (int h = 0; h < kHalves; ++h) {
        const __m512i wide = widen(sums[h / 2], h % 2);
        if (kActGroups) {
          part[h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(wide), scale, part[h]);
        } else {
          dots[h] = _mm512_add_epi32(dots[h], wide);
        }
      }
      c = next;
    }
    if (end < group_end && end < padded) break;  // the next chunk goes on
#pragma GCC unroll 8
    for (int h = 0; h < kHalves; ++h) {
      const float* at = scales + 16 * h;
      _mm_prefetch(reinterpret_cast<const char*>(at) + chunk.next_scales, _MM_HINT_T0);
      if (!kActGroups) part[h] = _mm512_cvtepi32_ps(dots[h]);
      acc[h] = _mm512_fmadd_ps(part[h], _mm512_loadu_ps(at), acc[h]);
      dots[h] = _mm512_setzero_si512();
      part[h] = _mm512_setzero_ps();
    }
    scales += kHalves * 16;
    group_end += group;
  }
#pragma GCC unroll 8
  for (int h = 0; h < kHalves; ++h) {
    _mm512_store_ps(state.acc[h], acc[h]);
    if (kActGroups) {
      _mm512_store_ps(state.part[h], part[h]);
    } else {
      _mm512_store_si512(state.part[h], dots[h]);
    }
  }
}

using LookupKernel = void (*)(const MatmulArgs&, const LookupChunk&, LookupState&);
constexpr LookupKernel kLookupKernels[2][4] = {
    {lookup_chunk<1, false>, lookup_chunk<2, false>, lookup_chunk<3, false>,
     lookup_chunk<4, false>},
    {lookup_chunk<1, true>, lookup_chunk<2, true>, lookup_chunk<3, true>, lookup_chunk<4, true>}};

ONEBIT_INLINE int64_t panel_tiles(const MatmulArgs& args, int64_t panel) {
  return (min_i64(args.n_rows - panel * 128, 128) + 31) / 32;
}

ONEBIT_INLINE void store_panel(const MatmulArgs& args, int64_t panel, int64_t m,
                               const LookupState& state) {
  for (int64_t h = 0; h < 8; ++h) {
    const int64_t row = panel * 128 + 16 * h;
    const int64_t left = args.n_rows - row;
    if (left <= 0) return;
    const auto rows = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
    __m512 y = _mm512_load_ps(state.acc[h]);
    if (!args.act_groups) {
      y = _mm512_mul_ps(y, _mm512_set1_ps(args.act_scales[m * args.act_scales_stride]));
    }
    _mm512_mask_storeu_ps(args.y + m * args.y_stride + row, rows, y);
  }
}

// n_tokens <= kLookupTokens, `prepared` made.
void decode_binary(const MatmulArgs& args) {
  const int64_t padded = (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const int64_t n_panels = (args.n_rows + 127) / 128;
  const int64_t chunk_cols = args.n_tokens == 1 ? kLookupCols : kLookupCols / 2;
  const auto* tables = reinterpret_cast<const int16_t*>(args.prepared);
  LookupState states[kLookupPanels][kLookupTokens];
  // The chunk of panel p at column c.
  const auto bytes_at = [&](int64_t p, int64_t c) {
    return args.panels + p * args.panel_bytes + c / 16 * panel_tiles(args, p) * 64;
  };
  const auto scales_of = [&](int64_t p) { return args.scales + p * 128 * n_groups; };
  for (int64_t first = 0; first < n_panels; first += kLookupPanels) {
    const int64_t last = min_i64(first + kLookupPanels, n_panels);
    memset(states, 0, sizeof states[0] * static_cast<size_t>(last - first));
    for (int64_t begin = 0, end = 0; begin < padded; begin = end) {
      end = min_i64(begin + chunk_cols, padded);
      for (int64_t p = first; p < last; ++p) {
        LookupChunk chunk{begin, end, bytes_at(p, begin), scales_of(p), nullptr, nullptr, 0, 0};
        // In order: the batch's next panel, its first one further right, the next batch.
        int64_t next = p + 1;
        int64_t next_col = begin;
        if (next == last && end < padded) {
          next = first;
          next_col = end;
        } else if (next == last) {
          next_col = 0;
        }
        if (next < n_panels) {
          chunk.next_panel = bytes_at(next, next_col) - chunk.panel;
          chunk.next_scales =
              (scales_of(next) - chunk.scales) * 4 + (next_col - begin) / args.group * 512;
        }
        for (int64_t m = 0; m < args.n_tokens; ++m) {
          chunk.table = tables + (m * padded + begin) / 16 * kTableInts;
          chunk.act_scales = args.act_scales + m * args.act_scales_stride;
          kLookupKernels[args.act_groups][panel_tiles(args, p) - 1](args, chunk,
                                                                    states[p - first][m]);
        }
      }
    }
    for (int64_t p = first; p < last; ++p) {
      for (int64_t m = 0; m < args.n_tokens; ++m) store_panel(args, p, m, states[p - first][m]);
    }
  }
}

}  // namespace
}  // namespace onebit
