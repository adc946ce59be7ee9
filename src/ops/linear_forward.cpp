#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "ops/linear.h"

namespace onebit {

void Linear::forward(const OpContext& ctx, const Activations& acts, float* y) const {
  ONEBIT_CHECK(acts.cols() == cols_);
  if (is_packed()) {
    forward_panels(ctx, acts, y);
  } else {
    forward_rows(ctx, acts, y);
  }
}

void Linear::forward_rows(const OpContext& ctx, const Activations& acts, float* y) const {
  // Rows at a time, which stay in cache for all M tokens; fewer where they must be decoded first.
  const int64_t tile = kernel_ ? kPanelRows : 4;
  const int64_t decoded_bytes = cols_ * 4;
  const int64_t row_bytes = kernel_ ? size_ / rows_ : decoded_bytes;
  const int64_t step = round_up(items_per_part(row_bytes * acts.n_tokens()), kPanelRows);
  ctx.pool.parallel_for(rows_, step, [&](int64_t begin, int64_t end) {
    AlignedBuffer<float> decoded(kernel_ ? 0 : tile * cols_);
    for (int64_t first = begin; first < end; first += tile) {
      const int64_t n = std::min(tile, end - first);
      const uint8_t* rows = rows_data_ + first * row_bytes;
      if (!kernel_) {
        for (int64_t r = 0; r < n; ++r) {
          format_->to_float(rows_data_, rows_, cols_, file_row(first + r),
                            decoded.data() + r * cols_);
        }
        rows = reinterpret_cast<const uint8_t*>(decoded.data());
      }
      for (int64_t m = 0; m < acts.n_tokens(); ++m) {
        float* out = y + m * rows_ + first;
        ctx.f().rows_dot(kernel_.value_or(RowFormat::kF32), rows, row_bytes, n,
                         acts.x() + m * cols_, cols_, out);
        if (multiplier_ != 1.0f) ctx.f().scale(out, multiplier_, n);
      }
    }
  });
}

int64_t Linear::strip_dots() const {
  // 1,024 columns: 16 KiB of dot products for kMaxTokens tokens, whatever K is.
  return quant_ == ActQuant::kInt8Group ? std::min<int64_t>(32, n_dots()) : n_dots();
}

void Linear::forward_panels(const OpContext& ctx, const Activations& acts, float* y) const {
  ONEBIT_CHECK(acts.quant() == quant_);
  const int64_t n_tokens = acts.n_tokens();
  // Per dot product of a token what a kernel wants to know (PanelArgs): the sum of the activations,
  // or the number of columns. [strips][M][dots of the strip].
  AlignedBuffer<int32_t> sums(n_tokens * n_dots());
  int32_t* sum = sums.data();
  for (int64_t first = 0; first < n_dots(); first += strip_dots()) {
    const int64_t last = std::min(first + strip_dots(), n_dots());
    for (int64_t m = 0; m < n_tokens; ++m) {
      for (int64_t g = first; g < last; ++g, ++sum) {
        const int64_t begin = g * dot_group();
        const int64_t end = std::min(begin + dot_group(), cols_);
        if (quant_ == ActQuant::kSign) {
          *sum = static_cast<int32_t>(end - begin);
        } else {
          for (int64_t c = begin; c < end; c += kSumBlock) *sum += acts.sums(m)[c / kSumBlock];
        }
      }
    }
  }
  // A block of tokens stays in the L2 cache while all panels of this thread pass by.
  constexpr int64_t kTokenBlock = 16 * kMaxTokens;
  const int64_t row_bytes = panel_bytes_ / kPanelRows;
  const int64_t step = round_up(items_per_part(row_bytes * n_tokens), kPanelRows);
  ctx.pool.parallel_for(rows_, step, [&](int64_t begin, int64_t end) {
    AlignedBuffer<int32_t> dots(strip_dots() * std::min(kMaxTokens, n_tokens) * kPanelRows);
    for (int64_t block = 0; block < n_tokens; block += kTokenBlock) {
      const int64_t block_end = std::min(block + kTokenBlock, n_tokens);
      for (int64_t first = begin; first < end; first += kPanelRows) {
        for (int64_t m = block; m < block_end; m += kMaxTokens) {
          const int64_t batch = std::min(kMaxTokens, block_end - m);
          forward_tile(ctx, acts, first / kPanelRows, m, batch, sums.data(), dots.data(), y);
        }
      }
    }
  });
}

void Linear::forward_tile(const OpContext& ctx, const Activations& acts, int64_t panel,
                          int64_t first_token, int64_t n_tokens, const int32_t* sums, int32_t* dots,
                          float* y) const {
  const PanelKernel kernel = ctx.kernels.panel[static_cast<int>(packing_)];
  const int64_t padded = round_up(cols_, packing_step(packing_));
  const uint8_t* weights = data_.data() + panel * panel_bytes_;
  const float* scales = scales_.data() + panel * n_groups_ * kPanelRows;
  const int64_t strip = strip_dots();
  const int64_t all = n_dots();
  float out[kMaxTokens][kPanelRows] = {};
  for (int64_t begin = 0; begin < all; begin += strip) {
    const int64_t end = std::min(begin + strip, all);
    const int64_t col = begin * dot_group();  // 0 unless int8 by group
    kernel({weights + col / packing_step(packing_) * packing_step_bytes(packing_),
            acts.row(first_token) + col, acts.stride(), std::min(padded, end * dot_group()) - col,
            dot_group(), n_tokens, sums + begin * acts.n_tokens() + first_token * (end - begin),
            dots});
    for (int64_t m = 0; m < n_tokens; ++m) {
      const int32_t* token_dots = dots + m * kPanelRows;
      const float* act_scales = acts.scales(first_token + m);
      if (quant_ == ActQuant::kInt8Group) {
        ctx.f().epilogue_groups(token_dots, n_tokens * kPanelRows, act_scales, scales,
                                group_ / kActGroup, begin, end, out[m]);
      } else {
        ctx.f().epilogue(token_dots, n_tokens * kPanelRows, scales, n_groups_, *act_scales, out[m]);
      }
    }
  }
  const int64_t first_row = panel * kPanelRows;
  const int64_t n_rows = std::min(kPanelRows, rows_ - first_row);
  for (int64_t m = 0; m < n_tokens; ++m) {
    std::memcpy(y + (first_token + m) * rows_ + first_row, out[m],
                static_cast<std::size_t>(n_rows) * 4);
  }
}

}  // namespace onebit
