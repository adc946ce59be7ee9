// Int8 activations of many tokens: the walk that an instruction set's register tiles take part in.
//
// 32 rows x kBlockCols columns at a time are unpacked to byte codes in the L1 cache, then all
// tokens pass by in register tiles: unpacking, once for up to kBlockTokens tokens, costs next to
// nothing. Codes lie as [columns / 4][16 rows][4 columns] for each half of the rows (where a matrix
// instruction wants it, [columns / 8][16 rows][8 columns]); they are w + 1 (0 and 2 for binary),
// and for int8 what panels hold, w + 128, or w. Corrections, -sum(a) or -128 * sum(a), make dots of
// the sums of their products.
//
// What a token has so far, its float accumulators and the part of a group that a block of columns
// cut, waits in scratch memory between the blocks.
#pragma once

#include <stdint.h>

#include "kernels/half.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

constexpr int64_t kBlockCols = 512;
constexpr int64_t kBlockTokens = 256;
constexpr int64_t kBlockDots = kBlockCols / kActGroup;

// 32 rows x kBlockCols columns, and kBlockTokens tokens on their way.
struct Block {
  int64_t begin;  // columns
  int64_t end;
  const uint8_t* codes[2];  // of rows 0..15 and 16..31, from column begin
  int64_t scales_at[2];     // index of their weight scales of group 0
  int64_t scales_stride;    // to the next group
  int64_t first_group;      // the group of column `begin`
  alignas(64) float scales[kBlockCols / kColumnPad][32];  // [group][row]: of the block's groups
  // What makes dots of raw sums: [token][dot of the block], and of a whole row.
  int32_t corrections[kBlockTokens][kBlockDots];
  float act_scales[kBlockTokens][kBlockDots];  // where they are several a token
  int32_t row_correction[kBlockTokens];
  // [token][row]: sums under the float law, and the part of a group before `begin`: f32 with a
  // scale per kActGroup columns, else int32.
  alignas(64) float acc[kBlockTokens][32];
  alignas(64) float part[kBlockTokens][32];
  alignas(64) uint8_t buffer[2][(kBlockCols + 32) * 16];  // 32: triples do not end with a block
};

// The columns of a block that belong to one weight group.
struct GroupPart {
  int64_t group;
  int64_t end;
  bool starts;  // the group begins here
  bool ends;
};
ONEBIT_INLINE GroupPart group_part(const MatmulArgs& args, const Block& block, int64_t c) {
  const int64_t padded = padded_cols(args);
  if (args.group >= padded) return {0, block.end, c == 0, block.end == padded};
  const int64_t group = c / args.group;
  const int64_t group_end = min_i64((group + 1) * args.group, padded);
  const int64_t end = min_i64(group_end, block.end);
  return {group, end, c == group * args.group, end == group_end};
}

// Panels of 16 rows: rows row .. row + 31. The second half is the first one again where the matrix
// ends: its results are not stored.
ONEBIT_INLINE const uint8_t* half_panel(const MatmulArgs& args, int64_t row, int half) {
  const int64_t last = (args.n_rows - 1) / 16;
  return args.panels + min_i64(row / 16 + half, last) * args.panel_bytes;
}
ONEBIT_INLINE void half_scales(const MatmulArgs& args, int64_t row, Block& block) {
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const int64_t last = (args.n_rows - 1) / 16;
  for (int h = 0; h < 2; ++h) {
    block.scales_at[h] = min_i64(row / 16 + h, last) * 16 * n_groups;
  }
  block.scales_stride = 16;
}

// Panels of 128 rows: the tile that begins with `row`.
ONEBIT_INLINE int64_t binary_step_bytes(const MatmulArgs& args, int64_t row) {
  return (min_i64(args.n_rows - row / 128 * 128, 128) + 31) / 32 * 64;
}
ONEBIT_INLINE const uint8_t* binary_tile(const MatmulArgs& args, int64_t row, int64_t col) {
  return args.panels + row / 128 * args.panel_bytes + row % 128 * 2 +
         col / 16 * binary_step_bytes(args, row);
}
ONEBIT_INLINE void binary_scales(const MatmulArgs& args, int64_t row, Block& block) {
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  block.scales_at[0] = row / 128 * 128 * n_groups + row % 128;
  block.scales_at[1] = block.scales_at[0] + 16;
  block.scales_stride = binary_step_bytes(args, row) / 2;
}

template <int32_t kSumFactor>
void correct(const MatmulArgs& args, int64_t first, int64_t n, Block& block) {
  for (int64_t i = 0; i < n; ++i) {
    int32_t* to = block.corrections[i];
    const int32_t* sums = args.act_sums + (first + i) * args.sums_stride;
    if (args.act_groups) {
      const int64_t at = block.begin / kActGroup;
      const int64_t n_dots = (block.end - block.begin) / kActGroup;
      for (int64_t d = 0; d < n_dots; ++d) to[d] = kSumFactor * sums[at + d];
      const float* scales = args.act_scales + (first + i) * args.act_scales_stride;
      memcpy(block.act_scales[i], scales + at, static_cast<size_t>(n_dots) * 4);
    } else if (args.group >= padded_cols(args)) {
      *to = block.row_correction[i];
    } else {
      for (int64_t c = block.begin, end = 0; c < block.end; c = end) {  // used where groups end
        end = group_part(args, block, c).end;
        *to++ = kSumFactor * act_sum(args, first + i, c / args.group * args.group, end);
      }
    }
  }
}

constexpr int kRowParts = 32 / kNative;  // registers of 32 rows

// Widens the weight scales of a block once for all tokens.
ONEBIT_INLINE void load_block_scales(const MatmulArgs& args, Block& block) {
  const int64_t group = min_i64(args.group, padded_cols(args));
  block.first_group = block.begin / group;
  for (int64_t g = block.first_group; g * group < block.end; ++g) {
    for (int64_t row = 0; row < 32; row += kNative) {
      const int64_t at = block.scales_at[row / 16] + g * block.scales_stride + row % 16;
      store_native(block.scales[g - block.first_group] + row, load_scales(args, at));
    }
  }
}

ONEBIT_INLINE N part_scale(const Block& block, int64_t group, int64_t part) {
  return load_native(block.scales[group - block.first_group] + part * kNative);
}

ONEBIT_INLINE void store_tokens(const MatmulArgs& args, int64_t row, int64_t first, int64_t n,
                                const Block& block) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t part = 0; part < kRowParts; ++part) {
      N y = load_native(block.acc[i] + part * kNative);
      if (!args.act_groups) y = y * args.act_scales[(first + i) * args.act_scales_stride];
      store_rows(args, first + i, row + part * kNative, y);
    }
  }
}

// Register tiles: tokens first .. first + kN - 1 of the call, which are tokens `at` .. of the
// block, and Products::kParts parts of the rows from `part0` on. Products::add adds to their sums
// the products of codes and activations in columns begin .. end - 1, Products::add_group in
// kActGroup columns.

// One scale a token.
template <typename Products, int kN>
void tile_tokens(const MatmulArgs& args, Block& block, int64_t first, int64_t at, int64_t part0) {
  constexpr int kParts = Products::kParts;
  constexpr int kAll = kN * kParts;
  const uint8_t* acts = args.acts + first * args.act_stride;
  int64_t dot_index = 0;
  for (int64_t c = block.begin, end = 0; c < block.end; c = end, ++dot_index) {
    const GroupPart p = group_part(args, block, c);
    end = p.end;
    NI sums[kN][kParts];
#pragma GCC unroll 16
    for (int i = 0; i < kAll; ++i) {
      const float* kept = block.part[at + i / kParts] + (part0 + i % kParts) * kNative;
      sums[i / kParts][i % kParts] = p.starts ? NI{} : load_ints(kept);
    }
    Products::add(block, part0, acts, args.act_stride, c, end, sums);
#pragma GCC unroll 16
    for (int i = 0; i < kAll; ++i) {
      const int64_t m = at + i / kParts;
      const NI sum = sums[i / kParts][i % kParts];
      if (!p.ends) {
        memcpy(block.part[m] + (part0 + i % kParts) * kNative, &sum, sizeof sum);
        continue;
      }
      const N dot = __builtin_convertvector(sum + block.corrections[m][dot_index], N);
      float* acc = block.acc[m] + (part0 + i % kParts) * kNative;
      const N y = fma_native(dot, part_scale(block, p.group, part0 + i % kParts), load_native(acc));
      store_native(acc, y);
    }
  }
}

// A scale per kActGroup columns. Parts of groups stay in memory where the registers are needed for
// the sums of products.
template <typename Products, int kN>
void tile_groups(const MatmulArgs& args, Block& block, int64_t first, int64_t at, int64_t part0) {
  constexpr int kParts = Products::kParts;
  constexpr int kAll = kN * kParts;
  constexpr bool kInRegisters = 2 * kAll + kParts + 1 <= Products::kRegisters;
  const uint8_t* acts = args.acts + first * args.act_stride;
  const auto in_memory = [&](int i) __attribute__((always_inline)) {
    return block.part[at + i / kParts] + (part0 + i % kParts) * kNative;
  };
  int64_t dot_index = 0;
  for (int64_t c = block.begin, end = 0; c < block.end; c = end) {
    const GroupPart p = group_part(args, block, c);
    end = p.end;
    N part[kAll];
#pragma GCC unroll 16
    for (int i = 0; kInRegisters && i < kAll; ++i) {
      part[i] = p.starts ? N{} : load_native(in_memory(i));
    }
    for (; c < end; c += kActGroup, ++dot_index) {
      NI sums[kN][kParts];
#pragma GCC unroll 16
      for (int i = 0; i < kAll; ++i) {
        sums[i / kParts][i % kParts] = NI{} + block.corrections[at + i / kParts][dot_index];
      }
      Products::add_group(block, part0, acts, args.act_stride, c, sums);
#pragma GCC unroll 16
      for (int i = 0; i < kAll; ++i) {
        const int64_t m = at + i / kParts;
        const N dot = __builtin_convertvector(sums[i / kParts][i % kParts], N);
        const N scale = splat_native(block.act_scales[m][dot_index]);
        if constexpr (kInRegisters) {
          part[i] = fma_native(dot, scale, part[i]);
        } else {
          store_native(in_memory(i), fma_native(dot, scale, load_native(in_memory(i))));
        }
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kAll; ++i) {
      if (!p.ends) {
        if (kInRegisters) store_native(in_memory(i), part[i]);
        continue;
      }
      const int64_t at_row = (part0 + i % kParts) * kNative;
      float* acc = block.acc[at + i / kParts] + at_row;
      const N sum = kInRegisters ? part[i] : load_native(in_memory(i));
      const N scale = part_scale(block, p.group, part0 + i % kParts);
      store_native(acc, fma_native(sum, scale, load_native(acc)));
      if (!kInRegisters) store_native(in_memory(i), N{});
    }
  }
}

// The tile of n tokens, n <= kMost.
template <typename Products, int kMost>
void tile(const MatmulArgs& args, Block& block, int64_t first, int64_t at, int64_t n) {
  if constexpr (kMost > 1) {
    if (n < kMost) return tile<Products, kMost - 1>(args, block, first, at, n);
  }
  for (int64_t part = 0; part < kRowParts; part += Products::kParts) {
    if (!args.act_groups) {
      tile_tokens<Products, kMost>(args, block, first, at, part);
    } else if constexpr (kMost <= Products::kTokensGroups) {
      tile_groups<Products, kMost>(args, block, first, at, part);
    }
  }
}

// Codes: kSumFactor (correction = kSumFactor * sum(a)), scales() and unpack() of a block. Products:
// add(), add_group(), kParts of the rows in a register tile, how many tokens one has at most:
// kTokens, with scales per 32 columns kTokensGroups; kRegisters of the CPU.
template <typename Codes, typename Products>
void gemm(const MatmulArgs& args) {
  const int64_t padded = padded_cols(args);
  const int64_t most = args.act_groups ? Products::kTokensGroups : Products::kTokens;
  Block block;
  for (int64_t first = 0; first < args.n_tokens; first += kBlockTokens) {
    const int64_t n = min_i64(kBlockTokens, args.n_tokens - first);
    const int64_t n_tiles = (n + most - 1) / most;  // of about as many tokens each
    for (int64_t i = 0; !args.act_groups && i < n; ++i) {
      block.row_correction[i] = Codes::kSumFactor * act_sum(args, first + i, 0, padded);
    }
    for (int64_t row = 0; row < args.n_rows; row += 32) {
      memset(block.acc, 0, static_cast<size_t>(n) * sizeof block.acc[0]);
      memset(block.part, 0, static_cast<size_t>(n) * sizeof block.part[0]);
      Codes::scales(args, row, block);
      for (block.begin = 0; block.begin < padded; block.begin = block.end) {
        block.end = min_i64(block.begin + kBlockCols, padded);
        Codes::unpack(args, row, block);
        load_block_scales(args, block);
        correct<Codes::kSumFactor>(args, first, n, block);
        for (int64_t t = 0; t < n_tiles; ++t) {
          const int64_t at = n * t / n_tiles;
          tile<Products, Products::kTokens>(args, block, first + at, at,
                                            n * (t + 1) / n_tiles - at);
        }
      }
      store_tokens(args, row, first, n, block);
    }
  }
}

}  // namespace
}  // namespace onebit
