#include "ops/linear.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/checked.h"
#include "kernels/pack.h"
#include "quant/weights.h"

namespace onebit {
namespace {

// Formats whose rows a kernel reads as they are; others become f32 rows.
constexpr std::pair<uint32_t, RowFormat> kRowKernels[] = {{kF32, RowFormat::kF32},
                                                          {kF16, RowFormat::kF16},
                                                          {kBF16, RowFormat::kBF16},
                                                          {kQ8_0, RowFormat::kQ8_0}};

Packing choose_packing(WeightClass weight_class, ActQuant quant) {
  if (quant == ActQuant::kSign) {
    if (weight_class != WeightClass::kBinary) {
      throw Error(ErrorCode::kUnsupported, "1-bit activations need binary weights, found ternary");
    }
    return Packing::kBinaryBit;
  }
  ONEBIT_CHECK(quant == ActQuant::kInt8);
  return weight_class == WeightClass::kBinary ? Packing::kBinaryI8 : Packing::kTernaryI8;
}

// Columns that are summed as one group: all of a row where every row has one scale, else 128 where
// scales agree that far, else the stored group. So the float result is the same wherever the codes
// come from (training knows one scale a row, a file may repeat it per block), and work is saved.
// `scales_of(row)` returns the row's ceil(cols / stored) scales.
template <typename ScalesOf>
int64_t summed_group(int64_t rows, int64_t cols, int64_t stored, ScalesOf scales_of) {
  const int64_t n = ceil_div(cols, stored);
  for (const int64_t group : {cols, kScaleGroup}) {
    if (group <= stored) return stored;
    bool uniform = group % stored == 0 || group == cols;
    for (int64_t row = 0; row < rows && uniform; ++row) {
      const float* scales = scales_of(row);
      for (int64_t g = 0; g < n; ++g) {
        uniform = uniform && scales[g] == scales[g * stored / group * group / stored];
      }
    }
    if (uniform) return group;
  }
  return stored;
}

}  // namespace

Activations::Activations(int64_t max_tokens, int64_t max_cols)
    : codes_(max_tokens * round_up(max_cols, kColumnPad)),
      scales_(max_tokens),
      sums_(max_tokens * round_up(max_cols, kColumnPad) / kSumBlock) {}

void Activations::set(const OpContext& ctx, const float* x, int64_t n_tokens, int64_t cols,
                      ActQuant quant) {
  const int64_t padded = round_up(cols, kColumnPad);
  ONEBIT_CHECK(n_tokens <= scales_.size() && n_tokens * padded <= codes_.size());
  x_ = x;
  n_tokens_ = n_tokens;
  cols_ = cols;
  quant_ = quant;
  if (quant == ActQuant::kF32) return;
  stride_ = quant == ActQuant::kInt8 ? padded : padded / 8;
  sums_stride_ = padded / kSumBlock;
  ctx.pool.parallel_for(n_tokens, items_per_part(cols * 4), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      uint8_t* codes = codes_.data() + m * stride_;
      scales_[m] =
          quant == ActQuant::kInt8
              ? ctx.f().quantize_i8(x + m * cols, cols, padded, reinterpret_cast<int8_t*>(codes),
                                    sums_.data() + m * sums_stride_)
              : ctx.f().quantize_sign(x + m * cols, cols, padded, codes);
    }
  });
}

Linear::Linear(WeightClass weight_class, ActQuant quant, int64_t rows, int64_t cols, int64_t group)
    : rows_(rows), cols_(cols), packing_(choose_packing(weight_class, quant)), quant_(quant) {
  group_ = group >= cols ? round_up(cols, kColumnPad) : group;
  n_groups_ = ceil_div(cols, group_);
  ONEBIT_CHECK(n_groups_ == 1 || group_ % kColumnPad == 0);
  panel_bytes_ = panel_bytes(packing_, cols);
  const int64_t panels = ceil_div(rows, kPanelRows);
  data_ = AlignedBuffer<uint8_t>(checked_mul(panels, panel_bytes_, "packed weights"));
  scales_ = AlignedBuffer<float>(checked_mul(panels, n_groups_ * kPanelRows, "weight scales"));
}

Linear Linear::pack(const CodeMatrix& matrix, WeightClass weight_class, ActQuant quant) {
  const int64_t group =
      matrix.scales.size() == 1
          ? matrix.cols
          : summed_group(matrix.rows, matrix.cols, matrix.group,
                         [&](int64_t row) { return matrix.scales.data() + row * matrix.groups(); });
  Linear linear(weight_class, quant, matrix.rows, matrix.cols, group);
  for (int64_t first = 0; first < matrix.rows; first += kPanelRows) {
    std::array<const int8_t*, kPanelRows> codes{};
    const int64_t n = std::min(kPanelRows, matrix.rows - first);
    float* scales = linear.scales_.data() + first * linear.n_groups_;
    for (int64_t r = 0; r < n; ++r) {
      codes[static_cast<std::size_t>(r)] = matrix.codes.data() + (first + r) * matrix.cols;
      for (int64_t g = 0; g < linear.n_groups_; ++g) {
        scales[g * kPanelRows + r] = matrix.scale(first + r, g * group);
      }
    }
    pack_panel(linear.packing_, codes.data(), matrix.cols,
               linear.data_.data() + first / kPanelRows * linear.panel_bytes_);
  }
  return linear;
}

Linear Linear::pack(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                    ActQuant quant) {
  ONEBIT_CHECK(format.to_codes != nullptr);
  const int64_t stored = format.group == 0 ? cols : format.group;
  AlignedBuffer<int8_t> codes(kPanelRows * cols);
  AlignedBuffer<float> scales(ceil_div(cols, stored));
  const int64_t group = summed_group(rows, cols, stored, [&](int64_t row) {
    format.to_codes(bytes, rows, cols, row, codes.data(), scales.data());
    return scales.data();
  });
  Linear linear(format.weight_class, quant, rows, cols, group);
  for (int64_t first = 0; first < rows; first += kPanelRows) {
    std::array<const int8_t*, kPanelRows> row_codes{};
    float* panel_scales = linear.scales_.data() + first * linear.n_groups_;
    for (int64_t r = 0; r < std::min(kPanelRows, rows - first); ++r) {
      int8_t* row = codes.data() + r * cols;
      format.to_codes(bytes, rows, cols, first + r, row, scales.data());
      row_codes[static_cast<std::size_t>(r)] = row;
      for (int64_t g = 0; g < linear.n_groups_; ++g) {
        const float scale = scales[g * group / stored];
        if (!std::isfinite(scale)) {
          throw Error(ErrorCode::kInvalidFile, "scale of row " + std::to_string(first + r) +
                                                   ": expected a finite number, found " +
                                                   std::to_string(scale));
        }
        panel_scales[g * kPanelRows + r] = scale;
      }
    }
    pack_panel(linear.packing_, row_codes.data(), cols,
               linear.data_.data() + first / kPanelRows * linear.panel_bytes_);
  }
  return linear;
}

Linear Linear::rows(const Format& disk, const uint8_t* bytes, int64_t rows, int64_t cols) {
  Linear linear;
  linear.rows_ = rows;
  linear.cols_ = cols;
  linear.is_float_ = true;
  const auto* known = std::find_if(std::begin(kRowKernels), std::end(kRowKernels),
                                   [&](const auto& entry) { return entry.first == disk.id; });
  if (known != std::end(kRowKernels)) {
    linear.row_format_ = known->second;
    linear.format_ = &disk;
    linear.data_ = AlignedBuffer<uint8_t>(disk.bytes(rows, cols));
    std::memcpy(linear.data_.data(), bytes, static_cast<std::size_t>(linear.data_.size()));
    return linear;
  }
  linear.row_format_ = RowFormat::kF32;
  linear.format_ = &format(kF32);
  linear.data_ = AlignedBuffer<uint8_t>(linear.format_->bytes(rows, cols));
  for (int64_t row = 0; row < rows; ++row) {
    disk.to_float(bytes, rows, cols, row,
                  reinterpret_cast<float*>(linear.data_.data()) + row * cols);
  }
  return linear;
}

void Linear::row_to_float(int64_t row, float* out) const {
  ONEBIT_CHECK(is_float_ && row >= 0 && row < rows_);
  format_->to_float(data_.data(), rows_, cols_, row, out);
}

void Linear::forward(const OpContext& ctx, const Activations& acts, float* y) const {
  ONEBIT_CHECK(acts.cols() == cols_);
  if (is_float_) {
    forward_rows(ctx, acts, y);
  } else {
    forward_panels(ctx, acts, y);
  }
  if (output_scale_ != 1.0f) {
    for (int64_t i = 0; i < acts.n_tokens() * rows_; ++i) y[i] *= output_scale_;
  }
}

void Linear::forward_rows(const OpContext& ctx, const Activations& acts, float* y) const {
  const int64_t row_bytes = data_.size() / rows_;
  const int64_t step = round_up(items_per_part(row_bytes * acts.n_tokens()), kPanelRows);
  ctx.pool.parallel_for(rows_, step, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kPanelRows) {  // rows stay in cache for all M
      const int64_t n = std::min(kPanelRows, end - first);
      for (int64_t m = 0; m < acts.n_tokens(); ++m) {
        ctx.f().rows_dot(row_format_, data_.data() + first * row_bytes, row_bytes, n,
                         acts.x() + m * cols_, cols_, y + m * rows_ + first);
      }
    }
  });
}

void Linear::forward_panels(const OpContext& ctx, const Activations& acts, float* y) const {
  ONEBIT_CHECK(acts.quant() == quant_);
  const int64_t n_tokens = acts.n_tokens();
  // Per token and group: the sum of activations, or the number of columns (see PanelArgs).
  AlignedBuffer<int32_t> sums(n_tokens * n_groups_);
  for (int64_t m = 0; m < n_tokens; ++m) {
    for (int64_t g = 0; g < n_groups_; ++g) {
      const int64_t begin = g * group_;
      const int64_t end = std::min(begin + group_, cols_);
      int32_t& sum = sums[m * n_groups_ + g];
      if (quant_ == ActQuant::kSign) {
        sum = static_cast<int32_t>(end - begin);
      } else {
        for (int64_t c = begin; c < end; c += kSumBlock) sum += acts.sums(m)[c / kSumBlock];
      }
    }
  }
  // A block of tokens stays in the L2 cache while all panels of this thread pass by.
  constexpr int64_t kTokenBlock = 16 * kMaxTokens;
  const int64_t row_bytes = panel_bytes_ / kPanelRows;
  const int64_t step = round_up(items_per_part(row_bytes * n_tokens), kPanelRows);
  ctx.pool.parallel_for(rows_, step, [&](int64_t begin, int64_t end) {
    AlignedBuffer<int32_t> dots(n_groups_ * kMaxTokens * kPanelRows);
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
  const float* scales = scales_.data() + panel * n_groups_ * kPanelRows;
  const int64_t first_row = panel * kPanelRows;
  const int64_t n_rows = std::min(kPanelRows, rows_ - first_row);
  kernel({data_.data() + panel * panel_bytes_, acts.row(first_token), acts.stride(),
          round_up(cols_, packing_step(packing_)), group_, n_tokens, sums + first_token * n_groups_,
          dots});
  for (int64_t m = 0; m < n_tokens; ++m) {
    float tile[kPanelRows];
    float* target = y + (first_token + m) * rows_ + first_row;
    ctx.f().epilogue(dots + m * kPanelRows, n_tokens * kPanelRows, scales, n_groups_,
                     acts.scale(first_token + m), n_rows == kPanelRows ? target : tile);
    if (n_rows < kPanelRows) std::memcpy(target, tile, static_cast<std::size_t>(n_rows) * 4);
  }
}

}  // namespace onebit
