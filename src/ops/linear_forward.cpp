// How a Linear multiplies: rows with f32 activations, panels with quantised ones.
#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "ops/linear.h"
#include "ops/rows.h"

namespace onebit {
void Linear::forward(const OpContext& ctx, const Activations& acts, float* y) const {
  forward_all(ctx, acts, {{this, y}});
}

void Linear::forward_rows(const OpContext& ctx, const Activations& acts, float* y) const {
  // Rows at a time, which stay in cache for all M tokens; fewer where they must be decoded first.
  constexpr int64_t kTile = 16;
  const int64_t tile = kernel_ ? kTile : 4;
  const int64_t decoded_bytes = cols_ * 4;
  const int64_t row_bytes = kernel_ ? size_ / rows_ : decoded_bytes;
  const int64_t step = round_up(items_per_part(row_bytes * acts.n_tokens()), kTile);
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

void Linear::forward_panels(const OpContext& ctx, const Activations& acts, const uint8_t* prepared,
                            int64_t first, int64_t last, float* y, int64_t y_stride) const {
  ONEBIT_CHECK(acts.quant() == quant_);
  const int64_t row = first * panel_rows();
  MatmulArgs args{.panels = panels_ + first * panel_bytes_,
                  .panel_bytes = panel_bytes_,
                  .scales = scales_ + row * n_groups_ * scale_bytes(scale_type_),
                  .scale_type = scale_type_,
                  .n_rows = std::min(last * panel_rows(), rows_) - row,
                  .cols = cols_,
                  .group = group_,
                  .acts = acts.row(0),
                  .act_stride = acts.stride(),
                  .act_sums = acts.sums(0),
                  .sums_stride = acts.sums_stride(),
                  .act_scales = acts.scales(0),
                  .act_scales_stride = acts.scales_stride(),
                  .act_groups = quant_ == ActQuant::kInt8Group,
                  .n_tokens = acts.n_tokens(),
                  .prepared = prepared,
                  .y = y,
                  .y_stride = y_stride};
  if (args.n_tokens > kMaxBatchTokens) args.prepared = nullptr;
  for (int64_t m = 0; m < acts.n_tokens(); m += kMaxBatchTokens) {
    args.acts = acts.row(m);
    args.act_sums = acts.sums(m);
    args.act_scales = acts.scales(m);
    args.n_tokens = std::min(kMaxBatchTokens, acts.n_tokens() - m);
    args.y = y + m * y_stride;
    ctx.kernels.matmul[static_cast<int>(packing_)](args);
  }
}

int64_t Linear::panels_per_part(const OpContext& ctx, const Activations& acts) const {
  const int64_t panels = items_per_part(panel_bytes_ * acts.n_tokens());
  if (acts.n_tokens() == 1) return panels;
  // Kernels take 32 rows together; those that make of the activations what they want themselves, in
  // every call, many more.
  const auto prepared_bytes = ctx.kernels.prepare[static_cast<int>(packing_)].bytes;
  const bool prepares = prepared_bytes != nullptr && prepared_bytes(cols_, acts.n_tokens()) == 0;
  return round_up(panels, ceil_div(prepares ? 1024 : 32, panel_rows()));
}

void forward_all(const OpContext& ctx, const Activations& acts,
                 std::span<const LinearTarget> targets) {
  // The panels of all matrices in a row, split over the threads as those of one are.
  int64_t n_panels = 0;
  int64_t step = 1;
  for (const auto& [linear, y] : targets) {
    ONEBIT_CHECK(acts.cols() == linear->cols_);
    if (!linear->is_packed()) {
      linear->forward_rows(ctx, acts, y);
      continue;
    }
    n_panels += linear->n_panels();
    step = std::max(step, linear->panels_per_part(ctx, acts));
  }
  ctx.pool.parallel_for(n_panels, step, [&](int64_t begin, int64_t end) {
    int64_t offset = 0;  // of the matrix
    for (const auto& [linear, y] : targets) {
      if (!linear->is_packed()) continue;
      const int64_t first = std::max(begin - offset, int64_t{0});
      const int64_t last = std::min(end - offset, linear->n_panels());
      if (first < last) {
        linear->forward_panels(ctx, acts, acts.prepared(ctx, linear->packing_), first, last,
                               y + first * linear->panel_rows(), linear->rows_);
      }
      offset += linear->n_panels();
    }
  });
}

void forward_gated(const OpContext& ctx, const Activations& acts, const Linear& gate,
                   const Linear& up, Activation activation, float* y) {
  const int64_t n_tokens = acts.n_tokens();
  const int64_t n_rows = gate.rows_;
  ONEBIT_CHECK(up.rows_ == n_rows && gate.cols_ == acts.cols() && up.cols_ == acts.cols());
  if (!gate.is_packed() || !up.is_packed() || gate.packing_ != up.packing_) {
    AlignedBuffer<float> up_y(n_tokens * n_rows);
    forward_all(ctx, acts, {{&gate, y}, {&up, up_y.data()}});
    gated_rows(ctx, activation, y, up_y.data(), n_tokens * n_rows, y);
    return;
  }
  const GatedOp gated = gated_op(ctx.f(), activation);
  const int64_t panel_rows = gate.panel_rows();
  const int64_t step = gate.panels_per_part(ctx, acts);
  // Panels whose up rows wait in cache for the activation.
  const int64_t block = std::max(step, std::max<int64_t>(128, (64 << 10) / n_tokens) / panel_rows);
  ctx.pool.parallel_for(gate.n_panels(), step, [&](int64_t begin, int64_t end) {
    thread_local std::vector<float> up_y;
    up_y.resize(static_cast<std::size_t>(block * panel_rows * n_tokens));
    const uint8_t* prepared = acts.prepared(ctx, gate.packing_);
    for (int64_t first = begin; first < end; first += block) {
      const int64_t last = std::min(first + block, end);
      const int64_t row = first * panel_rows;
      const int64_t n = std::min(last * panel_rows, n_rows) - row;
      gate.forward_panels(ctx, acts, prepared, first, last, y + row, n_rows);
      up.forward_panels(ctx, acts, prepared, first, last, up_y.data(), n);
      for (int64_t m = 0; m < n_tokens; ++m) {
        float* to = y + m * n_rows + row;
        gated(to, up_y.data() + m * n, n, to);
      }
    }
  });
}

}  // namespace onebit
