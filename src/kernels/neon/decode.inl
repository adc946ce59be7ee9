// Ternary, binary and int8 panels times one to three tokens: the walk, and the float law on it.
//
// A panel is walked in chunks of at most kChunkCols columns of one weight group. Of a chunk, which
// the L1 cache holds, strips of 16 rows pass by: four quads, registers whose 32-bit lane r is row r
// of the quad, so that dots never need a horizontal sum. What a strip and its tokens have so far
// waits in memory between chunks, a load and a store per thousand weights or more.
//
// A Tile (dot_tiles.inl, widening_tiles.inl) says how a strip lies and makes raw sums of it:
//   kPacking, kSumFactor
//   kStripBytes       of a strip in a step
//   kRegisters        that a strip has in a step: 4 / kRegisters quads each
//   kAhead            bytes from a step to what to prefetch
//   at_once(tokens)   registers whose sums fit beside each other
//   row(strip, i)     the first row of quad i, in the panel
//   columns<kTokens, kRegs>(strip, step_bytes, acts, act_stride, cols, prefetch, raw)
//                     raw[m][i] = sums over `cols` columns, at most kChunkCols, of the quads of
//                     kRegs registers
//   dot(raw, same)    dots of raw sums and same = kSumFactor * sum(a)
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kDecodeTokens = 3;
constexpr int64_t kChunkCols = 512;  // what the int16 sums of widening_tiles.inl hold

// Keeps loads near their use: GCC would load first all that a step of a loop needs, for which the
// registers do not suffice.
ONEBIT_INLINE void keep_order() {
  asm volatile("" ::: "memory");
}

// 16 activations of each token.
template <int kTokens>
ONEBIT_INLINE void load_acts(const uint8_t* acts, int64_t act_stride, int8x16_t (&to)[kTokens]) {
#pragma GCC unroll 6
  for (int m = 0; m < kTokens; ++m) to[m] = vreinterpretq_s8_u8(vld1q_u8(acts + m * act_stride));
}

// Quad i of a strip: sums under the float law, and the part of a weight group before the chunk: f32
// with a scale per kActGroup columns, else raw int32.
template <int kTokens>
struct StripState {
  float32x4_t acc[kTokens][4];
  float32x4_t part[kTokens][4];
};

struct Chunk {
  int64_t begin;  // columns
  int64_t end;
  bool ends_group;
  int64_t step_bytes;
  int64_t scales;               // index of those of the group and the panel's first row
  int32_t same[kDecodeTokens];  // kSumFactor * sum(a) over the group that ends here
};

// One scale a token.
template <typename Tile, int kTokens>
void chunk_tokens(const MatmulArgs& args, const Chunk& chunk, int64_t s, const uint8_t* strip,
                  StripState<kTokens>& state) {
  constexpr int kQuads = 4 / Tile::kRegisters;
  constexpr int kRegs = Tile::at_once(kTokens);
#pragma GCC unroll 4
  for (int r = 0; r < Tile::kRegisters; r += kRegs) {
    int32x4_t raw[kTokens][kRegs * kQuads];
    Tile::template columns<kTokens, kRegs>(strip + 16 * r, chunk.step_bytes,
                                           args.acts + chunk.begin, args.act_stride,
                                           chunk.end - chunk.begin, r == 0, raw);
#pragma GCC unroll 12
    for (int j = 0; j < kTokens * kRegs * kQuads; ++j) {
      const int m = j / (kRegs * kQuads);
      const int i = r * kQuads + j % (kRegs * kQuads);
      const int32x4_t sum =
          vaddq_s32(raw[m][j % (kRegs * kQuads)], vreinterpretq_s32_f32(state.part[m][i]));
      if (!chunk.ends_group) {
        state.part[m][i] = vreinterpretq_f32_s32(sum);
        continue;
      }
      state.part[m][i] = vdupq_n_f32(0);
      state.acc[m][i] = vfmaq_f32(state.acc[m][i], vcvtq_f32_s32(Tile::dot(sum, chunk.same[m])),
                                  load_scales(args, chunk.scales + Tile::row(s, i)));
    }
  }
}

// A scale per kActGroup columns.
template <typename Tile, int kTokens>
void chunk_groups(const MatmulArgs& args, const Chunk& chunk, int64_t s, const uint8_t* strip,
                  StripState<kTokens>& state) {
  constexpr int kQuads = 4 / Tile::kRegisters;
  constexpr int64_t kSteps = kActGroup / packing_shape(Tile::kPacking).step;
  float32x4_t part[kTokens][4];
#pragma GCC unroll 12
  for (int j = 0; j < kTokens * 4; ++j) part[j / 4][j % 4] = state.part[j / 4][j % 4];
  for (int64_t c = chunk.begin; c < chunk.end; c += kActGroup) {
    int32_t same[kTokens];
    float act_scale[kTokens];
#pragma GCC unroll 3
    for (int m = 0; m < kTokens; ++m) {
      same[m] = Tile::kSumFactor * args.act_sums[m * args.sums_stride + c / kSumBlock];
      act_scale[m] = args.act_scales[m * args.act_scales_stride + c / kActGroup];
    }
#pragma GCC unroll 4
    for (int r = 0; r < Tile::kRegisters; ++r) {
      int32x4_t raw[kTokens][kQuads];
      Tile::template columns<kTokens, 1>(strip + 16 * r, chunk.step_bytes, args.acts + c,
                                         args.act_stride, kActGroup, r == 0, raw);
#pragma GCC unroll 6
      for (int j = 0; j < kTokens * kQuads; ++j) {
        const int m = j / kQuads;
        float32x4_t& to = part[m][r * kQuads + j % kQuads];
        to = vfmaq_n_f32(to, vcvtq_f32_s32(Tile::dot(raw[m][j % kQuads], same[m])), act_scale[m]);
      }
      if (kTokens == 3 || Tile::at_once(kTokens) < Tile::kRegisters) keep_order();
    }
    strip += kSteps * chunk.step_bytes;
  }
#pragma GCC unroll 12
  for (int j = 0; j < kTokens * 4; ++j) {
    const int m = j / 4;
    const int i = j % 4;
    state.part[m][i] = chunk.ends_group ? vdupq_n_f32(0) : part[m][i];
    if (!chunk.ends_group) continue;
    state.acc[m][i] =
        vfmaq_f32(state.acc[m][i], part[m][i], load_scales(args, chunk.scales + Tile::row(s, i)));
  }
}

// All panels times kTokens tokens under the float law.
template <typename Tile, int kTokens>
void decode(const MatmulArgs& args) {
  constexpr PackingShape kShape = packing_shape(Tile::kPacking);
  constexpr int64_t kTileStrips = kShape.tile_bytes / Tile::kStripBytes;
  const int64_t padded = padded_cols(args);
  const int64_t group = min_i64(args.group, padded);
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  int32_t row_sum[kTokens];  // of all columns: found once if that is the group
  for (int m = 0; m < kTokens; ++m) {
    row_sum[m] = args.act_groups || group < padded ? 0 : act_sum(args, m, 0, padded);
  }
  for (int64_t row = 0; row < args.n_rows; row += kShape.rows) {
    const int64_t n_rows = min_i64(args.n_rows - row, kShape.rows);
    const int64_t n_tiles = (n_rows + kShape.tile_rows - 1) / kShape.tile_rows;
    const int64_t n_strips = n_tiles * kTileStrips;
    const uint8_t* panel = args.panels + row / kShape.rows * args.panel_bytes;
    StripState<kTokens> states[kShape.rows / 16];
    memset(states, 0, sizeof states[0] * static_cast<size_t>(n_strips));
    Chunk chunk{};
    chunk.step_bytes = n_tiles * kShape.tile_bytes;
    for (chunk.begin = 0; chunk.begin < padded; chunk.begin = chunk.end) {
      const int64_t g = chunk.begin / group;
      const int64_t group_end = min_i64((g + 1) * group, padded);
      chunk.end = min_i64(chunk.begin + kChunkCols, group_end);
      chunk.ends_group = chunk.end == group_end;
      chunk.scales = row * n_groups + g * n_tiles * kShape.tile_rows;
      for (int m = 0; m < kTokens && chunk.ends_group && !args.act_groups; ++m) {
        const int32_t sum = group < padded ? act_sum(args, m, g * group, group_end) : row_sum[m];
        chunk.same[m] = Tile::kSumFactor * sum;
      }
      const uint8_t* at = panel + chunk.begin / kShape.step * chunk.step_bytes;
      for (int64_t s = 0; s < n_strips; ++s, at += Tile::kStripBytes) {
        if (args.act_groups) {
          chunk_groups<Tile, kTokens>(args, chunk, s, at, states[s]);
        } else {
          chunk_tokens<Tile, kTokens>(args, chunk, s, at, states[s]);
        }
      }
    }
    for (int64_t s = 0; s < n_strips; ++s) {
      for (int j = 0; j < kTokens * 4; ++j) {
        const int m = j / 4;
        float32x4_t y = states[s].acc[m][j % 4];
        if (!args.act_groups) y = y * args.act_scales[m * args.act_scales_stride];
        store_rows(args, m, row + Tile::row(s, j % 4), y);
      }
    }
  }
}

// n_tokens <= kDecodeTokens.
template <typename Tile>
void decode(const MatmulArgs& args) {
  if (args.n_tokens == 1) return decode<Tile, 1>(args);
  if (args.n_tokens == 2) return decode<Tile, 2>(args);
  decode<Tile, 3>(args);
}

}  // namespace
}  // namespace onebit
