// The product of a run of panels with M tokens, for any packing: an instruction set brings a kernel
// of exact integer dots of one tile (quant/packing.h) with up to 8 tokens; this adds the float law
// (MatmulArgs) and the walk over tiles and tokens. Also what all kernels share.
#pragma once

#include <stdint.h>

#include "kernels/half.inl"
#include "kernels/kernel.h"

namespace onebit {
namespace {

constexpr int64_t kMaxTokens = 8;  // tokens of one call of a dots kernel
constexpr int64_t kMaxDots = 16;   // dots per row in one call: bounds the scratch

// Raw integer sums of one tile and M tokens, a sum per `group` columns.
struct DotsArgs {
  const uint8_t* tile;  // the tile in the first step
  int64_t step_bytes;   // to the same tile in the next step
  const uint8_t* acts;  // token m at acts + m * act_stride: int8, or bits
  int64_t act_stride;   // bytes
  int64_t cols;         // a multiple of kActGroup (kBinaryBit: of 64; kTripleI8: any)
  int64_t group;        // likewise, or >= cols for one sum
  int32_t* out;         // [n_groups][M][tile_rows]
};
using DotsKernel = void (*)(const DotsArgs& args) noexcept;

// dot = raw_factor * raw + sum_factor * sum(activations) + column_factor * columns, exact in int32
// up to kMaxColumns (kMaxColumnsInt8).
struct Dots {
  DotsKernel kernel[kMaxTokens];  // by M - 1
  int32_t raw_factor;
  int32_t sum_factor;
  int32_t column_factor;
};

typedef int32_t NI __attribute__((vector_size(4 * kNative)));

ONEBIT_INLINE NI load_ints(const void* p) {
  NI v;
  memcpy(&v, p, sizeof v);
  return v;
}

ONEBIT_INLINE int64_t min_i64(int64_t a, int64_t b) {
  return a < b ? a : b;
}

ONEBIT_INLINE int64_t padded_cols(const MatmulArgs& args) {
  return (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
}

// Sum of a token's activations in columns begin .. end - 1: begin is a multiple of kSumBlock, and
// end, or past it are zeros.
ONEBIT_INLINE int32_t act_sum(const MatmulArgs& args, int64_t m, int64_t begin, int64_t end) {
  const int32_t* sums = args.act_sums + m * args.sums_stride;
  int32_t sum = 0;
  for (int64_t b = begin / kSumBlock; b * kSumBlock < end; ++b) sum += sums[b];
  return sum;
}

// y of token m from row `row` on, as far as there are rows.
ONEBIT_INLINE void store_rows(const MatmulArgs& args, int64_t m, int64_t row, N y) {
  const int64_t left = min_i64(args.n_rows - row, kNative);
  float* to = args.y + m * args.y_stride + row;
  if (left == kNative) {
    memcpy(to, &y, sizeof y);
  } else if (left > 0) {
    memcpy(to, &y, static_cast<size_t>(left) * 4);
  }
}

// The part of `dot` that is the same for all rows: columns begin .. end - 1 of token m.
ONEBIT_INLINE int32_t correction(const MatmulArgs& args, const Dots& dots, int64_t m, int64_t begin,
                                 int64_t end) {
  const int32_t sum = dots.sum_factor == 0 ? 0 : act_sum(args, m, begin, end);
  const int64_t columns = min_i64(end, args.cols) - begin;
  return dots.sum_factor * sum + dots.column_factor * static_cast<int32_t>(columns);
}

// Weight scales index .. index + kNative - 1 of the run of panels.
ONEBIT_INLINE N load_scales(const MatmulArgs& args, int64_t index) {
  if (args.scale_type == ScaleType::kF16) {
    return widen(reinterpret_cast<const uint16_t*>(args.scales) + index);
  }
  return load_native(reinterpret_cast<const float*>(args.scales) + index);
}

// One tile in its panel.
struct Tile {
  const uint8_t* weights;
  int64_t step_bytes;
  int64_t scales;         // index of that of the tile's first row and group 0
  int64_t scales_stride;  // to the next group
  int64_t row;            // the tile's first row among all
};

// Tokens first .. first + n_tokens - 1 (at most kMaxTokens) of one tile.
template <Packing kPacking>
void multiply_tile(const MatmulArgs& args, const Dots& dots, const Tile& tile, int64_t first,
                   int64_t n_tokens) {
  constexpr PackingShape kShape = packing_shape(kPacking);
  constexpr int64_t kParts = kShape.tile_rows / kNative;
  constexpr int64_t kActsPerByte = kPacking == Packing::kBinaryBit ? 8 : 1;
  // Triples have no zero columns to their kernels' liking, so these stop where the columns do.
  const int64_t padded = kPacking == Packing::kTripleI8 ? args.cols : padded_cols(args);
  const int64_t group = min_i64(args.group, padded);
  const int64_t dot_group = args.act_groups ? kActGroup : group;

  alignas(64) int32_t raw[kMaxDots * kMaxTokens * kShape.tile_rows];
  N acc[kMaxTokens][kParts] = {};
  N part[kMaxTokens][kParts] = {};  // t of the float law
  for (int64_t begin = 0, end = 0; begin < padded; begin = end) {
    end = min_i64(begin + kMaxDots * dot_group, padded);
    dots.kernel[n_tokens - 1]({tile.weights + begin / kShape.step * tile.step_bytes,
                               tile.step_bytes,
                               args.acts + first * args.act_stride + begin / kActsPerByte,
                               args.act_stride, end - begin, dot_group, raw});
    const int32_t* from = raw;
    for (int64_t c = begin, next = 0; c < end; c = next) {
      next = min_i64(c + dot_group, end);
      const bool ends_group = next % group == 0 || next == padded;
      const int64_t scales = tile.scales + c / group * tile.scales_stride;
      for (int64_t i = 0; i < n_tokens; ++i) {
        const int64_t m = first + i;
        const int32_t same = correction(args, dots, m, c, next);
        const N act_scale = splat_native(
            args.act_groups ? args.act_scales[m * args.act_scales_stride + c / kActGroup] : 0.0f);
        for (int64_t h = 0; h < kParts; ++h, from += kNative) {
          const N dot = __builtin_convertvector(load_ints(from) * dots.raw_factor + same, N);
          const N scale = load_scales(args, scales + h * kNative);
          if (!args.act_groups) {
            acc[i][h] = fma_native(dot, scale, acc[i][h]);
            continue;
          }
          part[i][h] = fma_native(dot, act_scale, part[i][h]);
          if (!ends_group) continue;
          acc[i][h] = fma_native(part[i][h], scale, acc[i][h]);
          part[i][h] = N{};
        }
      }
    }
  }

  for (int64_t i = 0; i < n_tokens; ++i) {
    const int64_t m = first + i;
    for (int64_t h = 0; h < kParts; ++h) {
      const N y =
          args.act_groups ? acc[i][h] : acc[i][h] * args.act_scales[m * args.act_scales_stride];
      store_rows(args, m, tile.row + h * kNative, y);
    }
  }
}

// Calls f(tile) for every tile of the run of panels.
template <Packing kPacking, typename F>
ONEBIT_INLINE void for_each_tile(const MatmulArgs& args, F f) {
  constexpr PackingShape kShape = packing_shape(kPacking);
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  for (int64_t row = 0; row < args.n_rows; row += kShape.rows) {
    const int64_t n_rows = min_i64(args.n_rows - row, kShape.rows);
    const int64_t tiles = (n_rows + kShape.tile_rows - 1) / kShape.tile_rows;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t in_panel = t * kShape.tile_rows;
      f(Tile{args.panels + row / kShape.rows * args.panel_bytes + t * kShape.tile_bytes,
             tiles * kShape.tile_bytes, row * n_groups + in_panel, tiles * kShape.tile_rows,
             row + in_panel});
    }
  }
}

template <Packing kPacking>
void multiply(const MatmulArgs& args, const Dots& dots) {
  // A block of tokens stays in the L2 cache while all tiles pass by.
  constexpr int64_t kBlockBytes = 256 << 10;
  const int64_t fitting = kBlockBytes / args.act_stride / kMaxTokens * kMaxTokens;
  const int64_t block = fitting > kMaxTokens ? fitting : kMaxTokens;
  for (int64_t begin = 0; begin < args.n_tokens; begin += block) {
    const int64_t end = min_i64(begin + block, args.n_tokens);
    for_each_tile<kPacking>(args, [&](const Tile& tile) {
      for (int64_t m = begin; m < end; m += kMaxTokens) {
        multiply_tile<kPacking>(args, dots, tile, m, min_i64(kMaxTokens, end - m));
      }
    });
  }
}

}  // namespace
}  // namespace onebit
