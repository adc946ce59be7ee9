// Many tokens, with AMX: tdpbssd adds to C, 16 tokens x 16 rows of int32, the products of A, 16
// tokens x 64 columns, and B, 64 columns x 16 rows. Blocks of unpacked codes (kernels/gemm.inl) lie
// as B does; activations are prepared, once for all matrices that read them, as tiles of A.
//
// Exactness. Products and sums are int32, |dot| <= 127 * 127 * kMaxColumnsInt8 < 2^30 for int8 and
// 127 * kMaxColumns < 2^25 for the others; tiles have no other arithmetic. Each sum that the float
// law names leaves the tiles as an integer, and AVX-512 takes the law's steps in the law's order.
//
// Blocking. Two tiles of A meet two of B: per 64 columns four loads (8 cycles each on Sapphire
// Rapids, Intel's optimization manual) against four products (16 each), so products set the pace. B
// is read again for each 32 tokens and must stay in the L1 cache of 48 KiB, though as many bytes of
// A stream by: 512 columns are 16 + 16 KiB, and 4 of sums; 1024 would take turns with A in L1. A,
// 256 tokens, waits in L2, from where 2 KiB have 64 cycles to come.
//
// What that should give, counted in cycles per 32 tokens x 32 rows, were everything else to overlap
// with the products or nothing. NOT MEASURED: no machine with AMX was at hand.
//  1. A scale a row, 512 columns: products 512; sums of the block before loaded and stored, 4 * 8 +
//     4 * 16; 1/8 of unpacking, about 260 for 256 tokens: 32. So 80..94 % of the AMX peak.
//  2. A scale per 128 weights: products 128; sums stored 4 * 16; the law about 64 (64 registers x
//     conversion and fma on two ports); unpacking 8. So 48..94 %.
//  3. A scale per 32 activations and 128 weights: a tile then has 32 columns and half the work for
//     the same time. For 32 of them products 64, sums stored 64, the law 64..75: 15 % of the peak
//     if they queue, 45 % if they overlap. (vpdpbusd, two ports of 64, has a peak of 12.5 %.)
// To overlap, the products of the next group are written before the law's steps of the last one.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

// Fewer tokens are the vector kernels'. By count, per 32 rows x 64 columns: tiles cost about 40
// cycles of unpacking and 64 of products and loads whatever the number; vpdpbusd 40 and 16 a token,
// lookups of binary weights 13 a token.
constexpr int64_t kFewestTokens = 8;

constexpr int64_t kTileTokens = 32;  // of a pair of tiles
constexpr int64_t kTileBytes = 1024;

// Activations as tiles [tokens / 16][columns / 64][16][64], tokens padded with zeros: tiles always
// have 16 rows, and lie in as many lines of the L1 cache whatever the stride of the activations (of
// 4096 bytes all lines of a tile would have one set of it).
int64_t tiles_bytes(int64_t cols, int64_t n_tokens) noexcept {
  if (n_tokens < kFewestTokens || n_tokens > kMaxBatchTokens) return 0;
  const int64_t padded = (cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  return (n_tokens + 15) / 16 * (padded / 64) * kTileBytes;
}

void tiles_prepare(const PrepareArgs& args, int64_t begin, int64_t end) noexcept {
  const int64_t padded = (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  for (int64_t first = 0; first < args.n_tokens; first += 16) {
    uint8_t* to = args.out + (first / 16 * padded + begin) / 64 * kTileBytes;
    for (int64_t c = begin; c < end; c += 64) {
      for (int64_t m = first; m < first + 16; ++m, to += 64) {
        const __m512i acts = m < args.n_tokens
                                 ? _mm512_loadu_si512(args.acts + m * args.act_stride + c)
                                 : _mm512_setzero_si512();
        _mm512_store_si512(to, acts);
      }
    }
  }
}

constexpr Preparation kTiles = {tiles_bytes, tiles_prepare};

// What ldtilecfg reads (Intel SDM vol. 1, 18.3).
struct TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// GCC does not know that tile instructions read and write memory.
ONEBIT_INLINE void fence() {
  asm volatile("" : : : "memory");
}

// Tiles 0 .. 3 are C: [half of the tokens][half of the rows]; 4, 5 A; 6, 7 B. For `cols` columns at
// a time.
ONEBIT_INLINE void configure(int64_t cols) {
  TileConfig config;
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = static_cast<uint16_t>(t == 4 || t == 5 ? cols : 64);
    config.rows[t] = static_cast<uint8_t>(t >= 6 ? cols / 4 : 16);
  }
  asm volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

struct TileSums {
  alignas(64) int32_t of[kTileTokens][32];  // [token][row]
};

// A pair of tiles, of tokens first .. in the call and `at` .. in the block; n is their number.
struct TileTokens {
  int64_t first;
  int64_t at;
  int64_t n;
  const uint8_t* acts;  // prepared: the first tile at column 0
  int64_t next_acts;    // bytes to the second one
};

// Sums of columns begin .. end - 1, added to `kept` if it is not null, to `to`: [32 tokens][32
// rows] of int32. kTwo: there are tokens in the second tile of A.
template <bool kTwo, int kCols>
ONEBIT_INLINE void multiply(const Block& block, const TileTokens& tokens, int64_t begin,
                            int64_t end, const void* kept, void* to) {
  constexpr int64_t kStride = 32 * sizeof(int32_t);
  constexpr int64_t kSecond = 16 * kStride;
  fence();
  if (kept == nullptr) {
    _tile_zero(0);
    _tile_zero(1);
    if (kTwo) _tile_zero(2);
    if (kTwo) _tile_zero(3);
  } else {
    const auto* from = static_cast<const uint8_t*>(kept);
    _tile_loadd(0, from, kStride);
    _tile_loadd(1, from + 64, kStride);
    if (kTwo) _tile_loadd(2, from + kSecond, kStride);
    if (kTwo) _tile_loadd(3, from + kSecond + 64, kStride);
  }
  const uint8_t* acts = tokens.acts + begin / 64 * kTileBytes + begin % 64;
  const uint8_t* codes0 = block.codes[0] + (begin - block.begin) * 16;
  const uint8_t* codes1 = block.codes[1] + (begin - block.begin) * 16;
  for (int64_t c = begin; c < end; c += kCols) {
    _tile_loadd(4, acts, 64);
    _tile_loadd(6, codes0, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, codes1, 64);
    _tile_dpbssd(1, 4, 7);
    if (kTwo) _tile_loadd(5, acts + tokens.next_acts, 64);
    if (kTwo) _tile_dpbssd(2, 5, 6);
    if (kTwo) _tile_dpbssd(3, 5, 7);
    acts += kTileBytes;  // kCols = 32 takes one step
    codes0 += kCols * 16;
    codes1 += kCols * 16;
  }
  auto* out = static_cast<uint8_t*>(to);
  _tile_stored(0, out, kStride);
  _tile_stored(1, out + 64, kStride);
  if (kTwo) _tile_stored(2, out + kSecond, kStride);
  if (kTwo) _tile_stored(3, out + kSecond + 64, kStride);
  fence();
}

// One scale a token: acc = fma(dot, weight scale, acc).
ONEBIT_INLINE void add_group(Block& block, const TileTokens& tokens, int64_t group,
                             const TileSums& sums) {
  const N scales[2] = {part_scale(block, group, 0), part_scale(block, group, 1)};
  for (int64_t i = 0; i < tokens.n; ++i) {
    float* acc = block.acc[tokens.at + i];
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const N dot = __builtin_convertvector(load_ints(sums.of[i] + 16 * h), N);
      store_native(acc + 16 * h, fma_native(dot, scales[h], load_native(acc + 16 * h)));
    }
  }
}

template <bool kTwo>
void tile_tokens(const MatmulArgs& args, Block& block, const TileTokens& tokens) {
  TileSums sums[2];
  int turn = 0;
  int64_t waiting = -1;  // the group whose sums lie in the other one
  float* part = block.part[tokens.at];
  for (int64_t c = block.begin, end = 0; c < block.end; c = end, turn ^= 1) {
    const GroupPart p = group_part(args, block, c);
    end = p.end;
    multiply<kTwo, 64>(block, tokens, c, end, p.starts ? nullptr : part,
                       p.ends ? static_cast<void*>(sums[turn].of) : part);
    if (waiting >= 0) add_group(block, tokens, waiting, sums[turn ^ 1]);
    waiting = p.ends ? p.group : -1;
  }
  if (waiting >= 0) add_group(block, tokens, waiting, sums[turn ^ 1]);
}

// 64 columns with a scale per kActGroup, from column c of the block on.
struct ActGroups {
  int64_t c;
  int64_t group;
  bool starts;  // the weight group begins here
  bool ends;
};

// t = fma(dot, activation scale, t), twice; at the group's end acc = fma(t, weight scale, acc).
ONEBIT_INLINE void add_act_groups(const MatmulArgs& args, Block& block, const TileTokens& tokens,
                                  const ActGroups& g, const TileSums (&sums)[2]) {
  const N scales[2] = {part_scale(block, g.group, 0), part_scale(block, g.group, 1)};
  for (int64_t i = 0; i < tokens.n; ++i) {
    const float* act_scales =
        args.act_scales + (tokens.first + i) * args.act_scales_stride + g.c / kActGroup;
    float* part = block.part[tokens.at + i];
    float* acc = block.acc[tokens.at + i];
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      N t = g.starts ? N{} : load_native(part + 16 * h);
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        const N dot = __builtin_convertvector(load_ints(sums[j].of[i] + 16 * h), N);
        t = fma_native(dot, splat_native(act_scales[j]), t);
      }
      if (g.ends) {
        store_native(acc + 16 * h, fma_native(t, scales[h], load_native(acc + 16 * h)));
      } else {
        store_native(part + 16 * h, t);
      }
    }
  }
}

template <bool kTwo>
void tile_groups(const MatmulArgs& args, Block& block, const TileTokens& tokens) {
  TileSums sums[2][2];
  int turn = 0;
  ActGroups waiting{-1, 0, false, false};
  for (int64_t c = block.begin, end = 0; c < block.end; c = end) {
    const GroupPart p = group_part(args, block, c);
    end = p.end;
    for (int64_t k = c; k < end; k += 64, turn ^= 1) {
      multiply<kTwo, 32>(block, tokens, k, k + 32, nullptr, sums[turn][0].of);
      multiply<kTwo, 32>(block, tokens, k + 32, k + 64, nullptr, sums[turn][1].of);
      if (waiting.c >= 0) add_act_groups(args, block, tokens, waiting, sums[turn ^ 1]);
      waiting = {k, p.group, p.starts && k == c, p.ends && k + 64 == end};
    }
  }
  add_act_groups(args, block, tokens, waiting, sums[turn ^ 1]);
}

ONEBIT_INLINE void tile_pair(const MatmulArgs& args, Block& block, const TileTokens& tokens) {
  const bool two = tokens.n > 16;
  if (args.act_groups) {
    two ? tile_groups<true>(args, block, tokens) : tile_groups<false>(args, block, tokens);
  } else {
    two ? tile_tokens<true>(args, block, tokens) : tile_tokens<false>(args, block, tokens);
  }
}

// Takes prepared activations. Codes: scales() and unpack() of a block, signed: there are no
// corrections.
template <typename Codes>
void gemm_tiles(const MatmulArgs& args) {
  const int64_t padded = padded_cols(args);
  // The sums of activation groups, 4 x 4 KiB, leave less of L1 to the codes.
  const int64_t block_cols = args.act_groups ? kBlockCols / 2 : kBlockCols;
  const int64_t tile_row_bytes = padded / 64 * kTileBytes;  // of 16 tokens
  Block block;
  configure(args.act_groups ? 32 : 64);
  for (int64_t first = 0; first < args.n_tokens; first += kBlockTokens) {
    const int64_t n = min_i64(kBlockTokens, args.n_tokens - first);
    for (int64_t row = 0; row < args.n_rows; row += 32) {
      memset(block.acc, 0, static_cast<size_t>(n) * sizeof block.acc[0]);
      Codes::scales(args, row, block);
      for (block.begin = 0; block.begin < padded; block.begin = block.end) {
        block.end = min_i64(block.begin + block_cols, padded);
        Codes::unpack(args, row, block);
        load_block_scales(args, block);
        for (int64_t at = 0; at < n; at += kTileTokens) {
          tile_pair(args, block,
                    {first + at, at, min_i64(kTileTokens, n - at),
                     args.prepared + (first + at) / 16 * tile_row_bytes, tile_row_bytes});
        }
      }
      store_tokens(args, row, first, n, block);
    }
  }
  _tile_release();  // lets the core leave the state in which tiles have power
}

}  // namespace
}  // namespace onebit
