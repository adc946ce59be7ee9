// Binary panels times tokens by table lookup: the walk that an instruction set's lookups take part
// in.
//
// A 16-bit word, 16 columns of a row, is cut in pieces, and for each piece the token has a table of
// all its partial sums (a bit of 0 counts as -1), so that the sum of what is looked up is the dot
// itself. An instruction set brings a struct `Lookup`:
//   kTableBytes                             of the tables of 16 columns
//   make_tables(token, begin, end, tables)  of a token's columns
//   multiply(args, chunk, tiles, prefetch, state)
//                                           adds a chunk of columns to the state of a panel
#pragma once

#include <stdint.h>

#include "kernels/half.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

// One token takes panels whole, as memory brings them. For more, 512 columns of a panel, 8 KiB,
// stay in the L1 cache and the tables of up to 16 tokens, as many bytes each, in L2 while a batch
// of panels passes by.
constexpr int64_t kLookupCols = 512;
constexpr int64_t kLookupTokens = 16;
constexpr int64_t kLookupPanels = 16;
constexpr int64_t kLookupAhead = 8 << 10;  // bytes: from memory to L2,
constexpr int64_t kLookupNear = 1 << 10;   // and from there to L1

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
  int64_t scales;        // index of those of the first group
  const uint8_t* table;  // at column begin
  const float* act_scales;
  int64_t next_panel;   // bytes from here to what to prefetch: of the chunk that comes next,
  int64_t next_scales;  // and of its scales
};

ONEBIT_INLINE int64_t panel_tiles(const MatmulArgs& args, int64_t panel) {
  return (min_i64(args.n_rows - panel * 128, 128) + 31) / 32;
}

ONEBIT_INLINE void store_panel(const MatmulArgs& args, int64_t panel, int64_t m,
                               const LookupState& state) {
  for (int64_t r = 0; r < 128; r += kNative) {
    N y = load_native(state.acc[r / 16] + r % 16);
    if (!args.act_groups) y = y * args.act_scales[m * args.act_scales_stride];
    store_rows(args, m, panel * 128 + r, y);
  }
}

// Tables [M][K / 16][kTableBytes], made once for all matrices and threads where tokens are few.
template <typename Lookup>
int64_t lookup_bytes(int64_t cols, int64_t n_tokens) noexcept {
  const int64_t padded = (cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  return n_tokens > kLookupTokens ? 0 : n_tokens * padded / 16 * Lookup::kTableBytes;
}

template <typename Lookup>
void lookup_prepare(const PrepareArgs& args, int64_t begin, int64_t end) noexcept {
  const int64_t padded = (args.cols + kColumnPad - 1) / kColumnPad * kColumnPad;
  for (int64_t m = 0; m < args.n_tokens; ++m) {
    Lookup::make_tables(args.acts + m * args.act_stride, begin, end,
                        args.out + (m * padded + begin) / 16 * Lookup::kTableBytes);
  }
}

// Tokens m0 .. m0 + n - 1 times panels first .. last - 1, at most kLookupTokens x kLookupPanels.
template <typename Lookup>
void lookup_block(const MatmulArgs& args, int64_t m0, int64_t n, int64_t first, int64_t last) {
  const int64_t padded = padded_cols(args);
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const int64_t n_panels = (args.n_rows + 127) / 128;
  constexpr int64_t kTables = kLookupCols / 16 * Lookup::kTableBytes;
  const int64_t chunk_cols = n == 1 && args.prepared != nullptr ? padded : kLookupCols;
  alignas(64) uint8_t made[kLookupTokens * kTables];
  const auto bytes_at = [&](int64_t p, int64_t c) {  // the chunk of panel p at column c
    return args.panels + p * args.panel_bytes + c / 16 * panel_tiles(args, p) * 64;
  };
  const int64_t group = min_i64(args.group, padded);
  const auto scales_of = [&](int64_t p, int64_t c) {
    return p * 128 * n_groups + c / group * panel_tiles(args, p) * 32;
  };
  // Several tokens share the scales of a chunk, widened once.
  const bool widens = n > 1 && args.scale_type == ScaleType::kF16;
  alignas(64) float scales[kLookupCols / kColumnPad * 128];
  MatmulArgs widened = args;
  widened.scales = reinterpret_cast<const uint8_t*>(scales);
  widened.scale_type = ScaleType::kF32;

  LookupState states[kLookupPanels * kLookupTokens];  // [panel][n]
  memset(states, 0, sizeof states[0] * static_cast<size_t>((last - first) * n));
  for (int64_t begin = 0, end = 0; begin < padded; begin = end) {
    end = min_i64(begin + chunk_cols, padded);
    const uint8_t* tables[kLookupTokens];
    for (int64_t i = 0; i < n; ++i) {
      if (args.prepared != nullptr) {
        tables[i] = args.prepared + ((m0 + i) * padded + begin) / 16 * Lookup::kTableBytes;
        continue;
      }
      uint8_t* to = made + i * kTables;
      Lookup::make_tables(args.acts + (m0 + i) * args.act_stride, begin, end, to);
      tables[i] = to;
    }
    for (int64_t p = first; p < last; ++p) {
      LookupChunk chunk{begin,   end,     bytes_at(p, begin), scales_of(p, begin),
                        nullptr, nullptr, kLookupAhead,       kLookupAhead / 2};
      // In order: the batch's next panel, its first one further right, the next batch.
      const bool ends_row = p + 1 == last && end < padded;
      const int64_t next = ends_row ? first : p + 1;
      const int64_t next_col = ends_row ? end : p + 1 == last ? 0 : begin;
      if (chunk_cols < padded && next < n_panels) {
        chunk.next_panel = bytes_at(next, next_col) - chunk.panel;
        chunk.next_scales =
            (scales_of(next, next_col) - chunk.scales) * scale_bytes(args.scale_type);
      }
      if (widens) {
        const int64_t n_scales = scales_of(p, end - 1) - chunk.scales + panel_tiles(args, p) * 32;
        for (int64_t r = 0; r < n_scales; r += kNative) {
          __builtin_prefetch(args.scales + (chunk.scales + r) * 2 + chunk.next_scales, 0, 2);
          store_native(scales + r, load_scales(args, chunk.scales + r));
        }
        chunk.scales = chunk.next_scales = 0;
      }
      for (int64_t i = 0; i < n; ++i) {
        chunk.table = tables[i];
        chunk.act_scales = args.act_scales + (m0 + i) * args.act_scales_stride;
        Lookup::multiply(widens ? widened : args, chunk, panel_tiles(args, p), i == 0,
                         states[(p - first) * n + i]);
      }
    }
  }
  for (int64_t p = first; p < last; ++p) {
    for (int64_t i = 0; i < n; ++i) store_panel(args, p, m0 + i, states[(p - first) * n + i]);
  }
}

template <typename Lookup>
void lookup(const MatmulArgs& args) {
  const int64_t n_panels = (args.n_rows + 127) / 128;
  for (int64_t m = 0; m < args.n_tokens; m += kLookupTokens) {
    const int64_t n = min_i64(kLookupTokens, args.n_tokens - m);
    for (int64_t p = 0; p < n_panels; p += kLookupPanels) {
      lookup_block<Lookup>(args, m, n, p, min_i64(p + kLookupPanels, n_panels));
    }
  }
}

}  // namespace
}  // namespace onebit
