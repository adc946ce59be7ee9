// Binary panels times tokens, by table lookup (lookup.inl).
//
// vpdpbusd needs three instructions per 64 weights of one bit, which is slower than memory brings
// them to one token, and than this for many. Here a 16-bit word, 16 columns of a row, is cut in 5 +
// 5 + 6 bits, and for each piece the token has a table of all its partial sums in int16: 32, 32 and
// 64 entries, looked up for 32 rows at once by vpermw (which takes the low 5 bits of its index),
// vpermw and vpermi2w. A bit of 0 counts as -1, so the sum is the dot itself. 8 instructions per
// 512 weights, and a table of 256 bytes per 16 columns, loaded once per panel of 128 rows.
//
// Lanes. Word 2i is row i of the tile, word 2i + 1 row 16 + i: the int16 sums widen to int32 by
// shifts alone, and each half is 16 rows in order.
//
// Overflow: int16 holds 127 * 256 = 32,512. Sums of 32 columns are widened all the same: adding up
// 256 of them first cost a third of the speed from memory (bench/NOTES.md).
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/lookup.inl"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kTableInts = 128;  // int16 of the three tables of 16 columns

// The low words of 16 + 16 integers of 32 bits.
struct EvenWords {
  alignas(64) uint16_t words[32];
};
constexpr EvenWords make_even_words() {
  EvenWords t{};
  for (int i = 0; i < 32; ++i) t.words[i] = static_cast<uint16_t>(2 * i);
  return t;
}
constexpr EvenWords kEvenWords = make_even_words();

// Bytes of a register of 16 entries: byte j of entry e is twice bit b<j> of e, or 0 (-1).
struct EntryBits {
  alignas(64) uint8_t bytes[64];
};
constexpr EntryBits entry_bits(int b0, int b1, int b2, int b3) {
  EntryBits t{};
  const int bits[4] = {b0, b1, b2, b3};
  for (int i = 0; i < 64; ++i) {
    const int b = bits[i % 4];
    t.bytes[i] = b < 0 ? uint8_t{0} : static_cast<uint8_t>((i / 4 >> b & 1) * 2);
  }
  return t;
}
constexpr EntryBits kLowBits = entry_bits(0, 1, 2, 3);
constexpr EntryBits kMiddleBits[2] = {entry_bits(-1, 0, 1, 2), entry_bits(3, -1, -1, -1)};
constexpr EntryBits kHighBits[2] = {entry_bits(-1, -1, 0, 1), entry_bits(2, 3, -1, -1)};

// The tables of columns begin .. end - 1 of a token. The 16 activations, in the order of their
// bits, are four quads; vpdpbusd adds to 16 entries at a time twice the activations whose bit is
// set, from minus their sum on. Entries from 16 on add one activation more.
void make_tables(const uint8_t* token, int64_t begin, int64_t end, int16_t* table) {
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15);
  const __m512i words = _mm512_load_si512(kEvenWords.words);
  const auto add = [](__m512i to, const EntryBits& bits, __m512i quad) {
    return _mm512_dpbusd_epi32(to, _mm512_load_si512(bits.bytes), quad);
  };
  const auto add_one = [](__m512i to, int byte, __m512i quad) {  // twice activation `byte`
    return _mm512_dpbusd_epi32(to, _mm512_set1_epi32(2 << (8 * byte)), quad);
  };
  const auto minus_sum = [](int32_t ones0, __m512i quad0, int32_t ones1, __m512i quad1) {
    const __m512i sum =
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi32(ones0), quad0);
    return _mm512_sub_epi32(_mm512_setzero_si512(),
                            _mm512_dpbusd_epi32(sum, _mm512_set1_epi32(ones1), quad1));
  };
  const auto store32 = [words](int16_t* to, __m512i first, __m512i second) {
    _mm512_store_si512(to, _mm512_permutex2var_epi16(first, words, second));
  };
  for (int64_t c = begin; c < end; c += 16, table += kTableInts) {
    const __m128i acts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(token + c));
    const __m512i v = _mm512_broadcast_i32x4(_mm_shuffle_epi8(acts, order));
    const __m512i quad0 = _mm512_shuffle_epi32(v, _MM_PERM_AAAA);  // bits 0..3
    const __m512i quad1 = _mm512_shuffle_epi32(v, _MM_PERM_BBBB);
    const __m512i quad2 = _mm512_shuffle_epi32(v, _MM_PERM_CCCC);
    const __m512i quad3 = _mm512_shuffle_epi32(v, _MM_PERM_DDDD);

    const __m512i low = add(minus_sum(0x01010101, quad0, 0x00000001, quad1), kLowBits, quad0);
    store32(table, low, add_one(low, 0, quad1));

    const __m512i middle =
        add(add(minus_sum(0x01010100, quad1, 0x00000101, quad2), kMiddleBits[0], quad1),
            kMiddleBits[1], quad2);
    store32(table + 32, middle, add_one(middle, 1, quad2));

    const __m512i high =
        add(add(minus_sum(0x01010000, quad2, 0x01010101, quad3), kHighBits[0], quad2), kHighBits[1],
            quad3);
    const __m512i high1 = add_one(high, 2, quad3);
    store32(table + 64, high, high1);
    store32(table + 96, add_one(high, 3, quad3), add_one(high1, 3, quad3));
  }
}

// sums[t] = 32 columns of tile t.
template <int kTiles, bool kPrefetch>
ONEBIT_INLINE void look_up(const uint8_t* panel, const int16_t* table, int64_t next,
                           __m512i (&sums)[kTiles]) {
#pragma GCC unroll 4
  for (int t = 0; t < kTiles; ++t) sums[t] = _mm512_setzero_si512();
#pragma GCC unroll 2
  for (int s = 0; s < 2; ++s, panel += 64 * kTiles, table += kTableInts) {
    const __m512i low = _mm512_load_si512(table);
    const __m512i middle = _mm512_load_si512(table + 32);
    const __m512i high0 = _mm512_load_si512(table + 64);
    const __m512i high1 = _mm512_load_si512(table + 96);
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t) {
      if (kPrefetch) {
        _mm_prefetch(reinterpret_cast<const char*>(panel + 64 * t + next), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char*>(panel + 64 * t + kLookupNear), _MM_HINT_T0);
      }
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

template <int kTiles, bool kActGroups, bool kPrefetch>
void lookup_chunk(const MatmulArgs& args, const LookupChunk& chunk, LookupState& state) {
  constexpr int kHalves = 2 * kTiles;
  const int64_t padded = padded_cols(args);
  const int64_t group = min_i64(args.group, padded);
  const uint8_t* panel = chunk.panel;
  const auto* table = reinterpret_cast<const int16_t*>(chunk.table);
  const bool f16 = args.scale_type == ScaleType::kF16;
  int64_t scales = chunk.scales;
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
    for (; c < end; c += 32, panel += 128 * kTiles, table += 2 * kTableInts) {
      __m512i sums[kTiles];
      look_up<kTiles, kPrefetch>(panel, table, chunk.next_panel, sums);
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
    }
    if (end < group_end && end < padded) break;  // the next chunk goes on
#pragma GCC unroll 8
    for (int h = 0; h < kHalves; ++h) {
      const int64_t at = scales + 16 * h;
      if (kPrefetch && (!f16 || h % 2 == 0)) {  // a line
        const uint8_t* next = args.scales + at * scale_bytes(args.scale_type) + chunk.next_scales;
        _mm_prefetch(reinterpret_cast<const char*>(next), _MM_HINT_T1);
      }
      if (!kActGroups) part[h] = _mm512_cvtepi32_ps(dots[h]);
      acc[h] = _mm512_fmadd_ps(part[h], load_scales(args, at), acc[h]);
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

template <bool kActGroups, bool kPrefetch>
void lookup_chunk(const MatmulArgs& args, const LookupChunk& chunk, int64_t tiles,
                  LookupState& state) {
  if (tiles == 4) return lookup_chunk<4, kActGroups, kPrefetch>(args, chunk, state);
  if (tiles == 3) return lookup_chunk<3, kActGroups, kPrefetch>(args, chunk, state);
  if (tiles == 2) return lookup_chunk<2, kActGroups, kPrefetch>(args, chunk, state);
  lookup_chunk<1, kActGroups, kPrefetch>(args, chunk, state);
}

struct Lookup {
  static constexpr int64_t kTableBytes = kTableInts * 2;

  ONEBIT_INLINE void make_tables(const uint8_t* token, int64_t begin, int64_t end,
                                 uint8_t* tables) {
    onebit::make_tables(token, begin, end, reinterpret_cast<int16_t*>(tables));
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
