// Binary panels times tokens, by table lookup (lookup.inl).
//
// A word of 16 columns is cut in nibbles; the token has a table of the 16 partial sums of each, V =
// 32 h + l in two bytes, looked up by vpshufb for 32 rows at once. The bytes h and l of 32 columns,
// eight nibbles, add up as they are: h and l of a table are chosen so that int8 holds both sums.
// Per 1,024 weights: 20 instructions for the nibbles, 16 lookups, 14 additions, 4 to int16.
//
// Lanes. vpshufb takes one table for all bytes of 16, so the even bytes of the words of two halves
// of a tile (rows i and 16 + i for i = 0..7, then 8..15) are brought together, and the odd ones.
// What is looked up comes apart by unpacking (l, h), which vpmaddubsw makes l + 32 h: int16 words
// of a half again, row i, then 16 + i, which widen to int32, rows in order.
//
// Overflow of bytes. |V| <= 4 * 127 = 508. In the first table of 32 columns h = floor((V + 3) / 32)
// in -16 .. 15, l in -3 .. 28; in the seven others h = floor((V + 17) / 32) in -16 .. 16, l in
// -17 .. 14. The sums: h in -128 .. 127, l in -122 .. 126. int16: 256 columns, 256 * 127 = 32,512.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx2/products.inl"
#include "kernels/kernel.h"
#include "kernels/lookup.inl"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kTableBytes = 128;  // of 16 columns: l of four nibbles, h of four, 16 bytes each

// The sums of entries, int16 in order, of a nibble: its four activations in every 32-bit lane.
ONEBIT_INLINE __m256i nibble_sums(__m256i acts) {
  // Signs of four columns, by the bits of entries 0..3, 8..11 and 4..7, 12..15: packing puts them
  // in order.
  const __m256i signs0 =
      _mm256_setr_epi8(-1, -1, -1, -1, 1, -1, -1, -1, -1, 1, -1, -1, 1, 1, -1, -1, -1, -1, -1, 1, 1,
                       -1, -1, 1, -1, 1, -1, 1, 1, 1, -1, 1);
  const __m256i signs1 = _mm256_or_si256(_mm256_andnot_si256(_mm256_set1_epi32(0x00ff0000), signs0),
                                         _mm256_set1_epi32(0x00010000));  // bit 2 is set
  const __m256i ones8 = _mm256_set1_epi8(1);
  const __m256i ones16 = _mm256_set1_epi16(1);
  const __m256i pairs0 = _mm256_maddubs_epi16(ones8, _mm256_sign_epi8(acts, signs0));
  const __m256i pairs1 = _mm256_maddubs_epi16(ones8, _mm256_sign_epi8(acts, signs1));
  return _mm256_packs_epi32(_mm256_madd_epi16(pairs0, ones16), _mm256_madd_epi16(pairs1, ones16));
}

// The tables of two nibbles of 16 sums each: h and l.
ONEBIT_INLINE void store_tables(__m256i sums0, int16_t offset0, __m256i sums1, uint8_t* l,
                                uint8_t* h) {
  const __m256i high0 = _mm256_srai_epi16(_mm256_add_epi16(sums0, _mm256_set1_epi16(offset0)), 5);
  const __m256i high1 = _mm256_srai_epi16(_mm256_add_epi16(sums1, _mm256_set1_epi16(17)), 5);
  const __m256i low0 = _mm256_sub_epi16(sums0, _mm256_slli_epi16(high0, 5));
  const __m256i low1 = _mm256_sub_epi16(sums1, _mm256_slli_epi16(high1, 5));
  const auto store = [](uint8_t* to, __m256i first, __m256i second) {
    const __m256i mixed = _mm256_packs_epi16(first, second);
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(mixed, 0xd8));
  };
  store(l, low0, low1);
  store(h, high0, high1);
}

// The tables of columns begin .. end - 1 of a token: of bits 0..3, 4..7, 8..11 and 12..15.
void make_tables(const uint8_t* token, int64_t begin, int64_t end, uint8_t* table) {
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15);
  for (int64_t c = begin; c < end; c += 16, table += kTableBytes) {
    const __m128i acts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(token + c));
    const __m256i v = _mm256_broadcastsi128_si256(_mm_shuffle_epi8(acts, order));
    const __m256i sums0 = nibble_sums(_mm256_shuffle_epi32(v, 0x00));
    const __m256i sums1 = nibble_sums(_mm256_shuffle_epi32(v, 0x55));
    const __m256i sums2 = nibble_sums(_mm256_shuffle_epi32(v, 0xaa));
    const __m256i sums3 = nibble_sums(_mm256_shuffle_epi32(v, 0xff));
    store_tables(sums0, c % 32 == 0 ? int16_t{3} : int16_t{17}, sums1, table, table + 64);
    store_tables(sums2, 17, sums3, table + 32, table + 96);
  }
}

ONEBIT_INLINE __m256i table_of(const uint8_t* bytes) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
}

// Dots of 32 columns of a tile as int16 words: rows i and 16 + i for i = 0..7, then 8..15.
struct WordDots {
  __m256i low;
  __m256i high;
};

// Of kTiles tiles side by side, whose next step is step_bytes away.
template <int kTiles, bool kPrefetch>
ONEBIT_INLINE void look_up(const uint8_t* tiles, int64_t step_bytes, const uint8_t* table,
                           int64_t next, WordDots (&dots)[kTiles]) {
  const __m256i split = _mm256_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15,  //
                                         0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
  const __m256i nibble = _mm256_set1_epi8(15);
  // Not known to be the tables of the tiles before: kept in memory once more, as GCC would have it,
  // they cost more than they save.
  asm volatile("" : "+r"(table));
  __m256i l[kTiles];
  __m256i h[kTiles];
#pragma GCC unroll 2
  for (int t = 0; t < kTiles; ++t) l[t] = h[t] = _mm256_setzero_si256();
#pragma GCC unroll 2
  for (int s = 0; s < 2; ++s, tiles += step_bytes, table += kTableBytes) {
    __m256i bytes[kTiles][2];
#pragma GCC unroll 2
    for (int t = 0; t < kTiles; ++t) {
      const uint8_t* tile = tiles + 64 * t;
      if (kPrefetch) {
        _mm_prefetch(reinterpret_cast<const char*>(tile + next), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char*>(tile + kLookupNear), _MM_HINT_T0);
      }
      const __m256i words0 = _mm256_shuffle_epi8(load256(tile), split);
      const __m256i words1 = _mm256_shuffle_epi8(load256(tile + 32), split);
      bytes[t][0] = _mm256_unpacklo_epi64(words0, words1);
      bytes[t][1] = _mm256_unpackhi_epi64(words0, words1);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m256i table_l = table_of(table + 16 * i);
      const __m256i table_h = table_of(table + 64 + 16 * i);
#pragma GCC unroll 2
      for (int t = 0; t < kTiles; ++t) {
        const __m256i byte = bytes[t][i / 2];
        const __m256i index =
            _mm256_and_si256(i % 2 == 0 ? byte : _mm256_srli_epi16(byte, 4), nibble);
        l[t] = _mm256_add_epi8(l[t], _mm256_shuffle_epi8(table_l, index));
        h[t] = _mm256_add_epi8(h[t], _mm256_shuffle_epi8(table_h, index));
        asm("" : "+x"(l[t]), "+x"(h[t]));  // in turn: all at once do not fit the registers
      }
    }
  }
  const __m256i weights = _mm256_set1_epi16(1 | 32 << 8);
#pragma GCC unroll 2
  for (int t = 0; t < kTiles; ++t) {
    dots[t].low = _mm256_maddubs_epi16(weights, _mm256_unpacklo_epi8(l[t], h[t]));
    dots[t].high = _mm256_maddubs_epi16(weights, _mm256_unpackhi_epi8(l[t], h[t]));
  }
}

// Calls f(part, dots of 8 rows as int32) for the parts 0..3 of a tile's rows. vpmaddwd by 1 and 0
// takes one word of two, beside the pipes of shuffles and shifts.
template <typename F>
ONEBIT_INLINE void widen(const WordDots& dots, F f) {
  const __m256i first = _mm256_set1_epi32(1);
  const __m256i second = _mm256_set1_epi32(1 << 16);
  f(0, _mm256_madd_epi16(dots.low, first));
  f(1, _mm256_madd_epi16(dots.high, first));
  f(2, _mm256_madd_epi16(dots.low, second));
  f(3, _mm256_madd_epi16(dots.high, second));
}

// 32 columns of kTiles tiles side by side added: to sums of int16,
template <int kTiles, bool kPrefetch>
ONEBIT_INLINE void add_words(const uint8_t* tiles, int64_t step_bytes, const uint8_t* table,
                             int64_t next, WordDots* sums) {
  WordDots dots[kTiles];
  look_up<kTiles, kPrefetch>(tiles, step_bytes, table, next, dots);
#pragma GCC unroll 2
  for (int t = 0; t < kTiles; ++t) {
    sums[t].low = _mm256_add_epi16(sums[t].low, dots[t].low);
    sums[t].high = _mm256_add_epi16(sums[t].high, dots[t].high);
  }
}

// or times an activation scale to float sums [kTiles][32].
template <int kTiles, bool kPrefetch>
ONEBIT_INLINE void add_scaled(const uint8_t* tiles, int64_t step_bytes, const uint8_t* table,
                              int64_t next, __m256 scale, float* sums) {
  WordDots dots[kTiles];
  look_up<kTiles, kPrefetch>(tiles, step_bytes, table, next, dots);
#pragma GCC unroll 2
  for (int t = 0; t < kTiles; ++t) {
    const auto add = [=](int part, __m256i dot) __attribute__((always_inline)) {
      float* to = sums + t * 32 + part * 8;
      _mm256_store_ps(to, _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, _mm256_load_ps(to)));
    };
    widen(dots[t], add);
  }
}

// Columns begin .. end - 1 of a panel to its parts of a group, and on to the next ones.
template <bool kActGroups, bool kPrefetch>
ONEBIT_INLINE void lookup_columns(const LookupChunk& chunk, int64_t begin, int64_t end,
                                  int64_t tiles, const uint8_t*& panel, const uint8_t*& table,
                                  float* part) {
  const int64_t step = 64 * tiles;
  const int64_t next = chunk.next_panel;
  WordDots sums[4];
  for (int64_t t = 0; t < tiles; ++t) sums[t].low = sums[t].high = _mm256_setzero_si256();
  for (int64_t c = begin; c < end; c += 32, panel += 2 * step, table += 2 * kTableBytes) {
    int64_t t = 0;
    if constexpr (kActGroups) {
      const __m256 scale = _mm256_set1_ps(chunk.act_scales[c / kActGroup]);
      for (; t + 2 <= tiles; t += 2) {
        add_scaled<2, kPrefetch>(panel + 64 * t, step, table, next, scale, part + 32 * t);
      }
      if (t < tiles) {
        add_scaled<1, kPrefetch>(panel + 64 * t, step, table, next, scale, part + 32 * t);
      }
    } else {
      for (; t + 2 <= tiles; t += 2) {
        add_words<2, kPrefetch>(panel + 64 * t, step, table, next, sums + t);
      }
      if (t < tiles) add_words<1, kPrefetch>(panel + 64 * t, step, table, next, sums + t);
    }
  }
  for (int64_t t = 0; !kActGroups && t < tiles; ++t) {
    const auto add = [=](int i, __m256i dot) __attribute__((always_inline)) {
      auto* to = reinterpret_cast<__m256i*>(part + t * 32 + i * 8);
      _mm256_store_si256(to, _mm256_add_epi32(_mm256_load_si256(to), dot));
    };
    widen(sums[t], add);
  }
}

template <bool kActGroups, bool kPrefetch>
void lookup_chunk(const MatmulArgs& args, const LookupChunk& chunk, int64_t tiles,
                  LookupState& state) {
  constexpr int64_t kRun = 256;  // columns in int16
  const int64_t padded = padded_cols(args);
  const int64_t group = min_i64(args.group, padded);
  const uint8_t* panel = chunk.panel;
  const uint8_t* table = chunk.table;
  const int64_t line = 64 / scale_bytes(args.scale_type);
  int64_t scales = chunk.scales;
  float* acc = state.acc[0];
  auto* part = reinterpret_cast<float*>(state.part[0]);
  int64_t group_end = (chunk.begin / group + 1) * group;
  for (int64_t c = chunk.begin; c < chunk.end;) {
    const int64_t end = min_i64(group_end, chunk.end);
    for (int64_t stop = 0; c < end; c = stop) {
      stop = min_i64(c + kRun, end);
      lookup_columns<kActGroups, kPrefetch>(chunk, c, stop, tiles, panel, table, part);
    }
    if (end < group_end && end < padded) break;  // the next chunk goes on
    for (int64_t r = 0; r < tiles * 32; r += 8) {
      if (kPrefetch && r % line == 0) {
        const int64_t at = (scales + r) * scale_bytes(args.scale_type) + chunk.next_scales;
        _mm_prefetch(reinterpret_cast<const char*>(args.scales + at), _MM_HINT_T1);
      }
      __m256 y = _mm256_load_ps(part + r);
      if (!kActGroups) y = _mm256_cvtepi32_ps(_mm256_castps_si256(y));
      y = _mm256_fmadd_ps(y, load_scales(args, scales + r), _mm256_load_ps(acc + r));
      _mm256_store_ps(acc + r, y);
      _mm256_store_ps(part + r, _mm256_setzero_ps());
    }
    scales += tiles * 32;
    group_end += group;
  }
}

struct Lookup {
  static constexpr int64_t kTableBytes = onebit::kTableBytes;

  ONEBIT_INLINE void make_tables(const uint8_t* token, int64_t begin, int64_t end,
                                 uint8_t* tables) {
    onebit::make_tables(token, begin, end, tables);
  }
  ONEBIT_INLINE void multiply(const MatmulArgs& args, const LookupChunk& chunk, int64_t tiles,
                              bool prefetch, LookupState& state) {
    if (args.act_groups) {
      (prefetch ? lookup_chunk<true, true> : lookup_chunk<true, false>)(args, chunk, tiles, state);
    } else {
      (prefetch ? lookup_chunk<false, true> : lookup_chunk<false, false>)(args, chunk, tiles,
                                                                          state);
    }
  }
};

void binary_i8(const MatmulArgs& args) noexcept {
  lookup<Lookup>(args);
}

}  // namespace
}  // namespace onebit
