// How a Linear is made and looked up; linear_forward.cpp multiplies with it.
#include "ops/linear.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "kernels/pack.h"
#include "quant/weights.h"

namespace onebit {
namespace {

// Formats whose rows a kernel reads as they are.
constexpr std::pair<uint32_t, RowFormat> kRowKernels[] = {{kF32, RowFormat::kF32},
                                                          {kF16, RowFormat::kF16},
                                                          {kBF16, RowFormat::kBF16},
                                                          {kQ8_0, RowFormat::kQ8_0}};

std::optional<RowFormat> row_kernel(const Format& format) {
  for (const auto& [id, kernel] : kRowKernels) {
    if (format.id == id) return kernel;
  }
  return std::nullopt;
}

Packing choose_packing(WeightClass weight_class, ActQuant quant) {
  ONEBIT_CHECK(quant != ActQuant::kF32 && weight_class != WeightClass::kFloat);
  if (quant == ActQuant::kSign) {
    if (weight_class != WeightClass::kBinary) {
      throw Error(ErrorCode::kUnsupported, "1-bit activations need binary weights, found ternary");
    }
    return Packing::kBinaryBit;
  }
  return weight_class == WeightClass::kBinary ? Packing::kBinaryI8 : Packing::kTernaryI8;
}

[[noreturn]] void refuse_scale(const std::string& what, float found) {
  throw Error(ErrorCode::kInvalidFile,
              what + ": expected a finite number, found " + std::to_string(found));
}

void check_multiplier(float multiplier) {
  if (!std::isfinite(multiplier)) refuse_scale("weight multiplier", multiplier);
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

struct Linear::CodeRow {
  const int8_t* codes;
  const float* scales;
};

Linear::Linear(WeightClass weight_class, ActQuant quant, int64_t rows, int64_t cols, int64_t group)
    : rows_(rows), cols_(cols), packing_(choose_packing(weight_class, quant)), quant_(quant) {
  group_ = group >= cols ? round_up(cols, kColumnPad) : group;
  n_groups_ = ceil_div(cols, group_);
  ONEBIT_CHECK(n_groups_ == 1 || group_ % kColumnPad == 0);
  panel_bytes_ = panel_bytes(packing_, cols);
  const int64_t panels = ceil_div(rows, kPanelRows);
  size_ = checked_mul(panels, panel_bytes_, "packed weights");
  data_ = AlignedBuffer<uint8_t>(size_);
  scales_ = AlignedBuffer<float>(checked_mul(panels, n_groups_ * kPanelRows, "weight scales"));
}

template <typename RowOf>
void Linear::fill_panels(int64_t stored, float multiplier, RowOf row_of) {
  AlignedBuffer<int8_t> scratch(kPanelRows * cols_);
  for (int64_t first = 0; first < rows_; first += kPanelRows) {
    std::array<const int8_t*, kPanelRows> codes{};
    float* scales = scales_.data() + first * n_groups_;
    for (int64_t r = 0; r < std::min(kPanelRows, rows_ - first); ++r) {
      const CodeRow row = row_of(first + r, scratch.data() + r * cols_);
      codes[static_cast<std::size_t>(r)] = row.codes;
      for (int64_t g = 0; g < n_groups_; ++g) {
        scales[g * kPanelRows + r] = row.scales[g * group_ / stored] * multiplier;
      }
    }
    pack_panel(packing_, codes.data(), cols_, data_.data() + first / kPanelRows * panel_bytes_);
  }
}

Linear Linear::pack(const CodeMatrix& matrix, WeightClass weight_class, ActQuant quant,
                    const WeightFixes& fixes) {
  check_multiplier(fixes.multiplier);
  const bool one_scale = matrix.scales.size() == 1;
  const int64_t stored = one_scale ? matrix.cols : matrix.group;
  const auto scales_of = [&](int64_t row) {
    return matrix.scales.data() + (one_scale ? 0 : row * matrix.groups());
  };
  const int64_t group =
      one_scale ? stored : summed_group(matrix.rows, matrix.cols, stored, scales_of);
  Linear linear(weight_class, quant, matrix.rows, matrix.cols, group);
  linear.fill_panels(stored, fixes.multiplier, [&](int64_t row, int8_t*) -> CodeRow {
    const int64_t source = fixes.row_order ? fixes.row_order(row) : row;
    ONEBIT_CHECK(source >= 0 && source < matrix.rows);
    return {matrix.codes.data() + source * matrix.cols, scales_of(source)};
  });
  return linear;
}

Linear Linear::pack(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                    ActQuant quant, const WeightFixes& fixes) {
  ONEBIT_CHECK(format.to_codes != nullptr);
  check_multiplier(fixes.multiplier);
  const int64_t stored = format.group == 0 ? cols : format.group;
  AlignedBuffer<float> scales(ceil_div(cols, stored));
  AlignedBuffer<int8_t> ignored(cols);
  const int64_t group = summed_group(rows, cols, stored, [&](int64_t row) {
    format.to_codes(bytes, rows, cols, row, ignored.data(), scales.data());
    return scales.data();
  });
  Linear linear(format.weight_class, quant, rows, cols, group);
  linear.fill_panels(stored, fixes.multiplier, [&](int64_t row, int8_t* codes) -> CodeRow {
    const int64_t source = fixes.row_order ? fixes.row_order(row) : row;
    ONEBIT_CHECK(source >= 0 && source < rows);
    format.to_codes(bytes, rows, cols, source, codes, scales.data());
    for (const float scale : scales) {
      const float product = scale * fixes.multiplier;
      if (!std::isfinite(product)) refuse_scale("scale of row " + std::to_string(source), product);
    }
    return {codes, scales.data()};
  });
  return linear;
}

Linear::Linear(const Format& format, int64_t rows, int64_t cols, const WeightFixes& fixes)
    : rows_(rows),
      cols_(cols),
      size_(format.bytes(rows, cols)),
      format_(&format),
      kernel_(row_kernel(format)),
      multiplier_(fixes.multiplier),
      row_order_(fixes.row_order) {
  check_multiplier(multiplier_);
  for (int64_t row = 0; row_order_ && row < rows; ++row) {
    const int64_t source = row_order_(row);
    ONEBIT_CHECK(source >= 0 && source < rows);
  }
}

void Linear::copy_rows(const uint8_t* bytes) {
  data_ = AlignedBuffer<uint8_t>(size_);
  rows_data_ = data_.data();
  if (!kernel_ || !row_order_) {
    std::memcpy(data_.data(), bytes, static_cast<std::size_t>(size_));
    return;
  }
  const int64_t row_bytes = size_ / rows_;
  for (int64_t row = 0; row < rows_; ++row) {
    std::memcpy(data_.data() + row * row_bytes, bytes + row_order_(row) * row_bytes,
                static_cast<std::size_t>(row_bytes));
  }
  row_order_ = nullptr;
}

Linear Linear::rows(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                    const WeightFixes& fixes) {
  Linear linear(format, rows, cols, fixes);
  linear.copy_rows(bytes);
  return linear;
}

Linear Linear::view(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                    std::shared_ptr<const void> owner, const WeightFixes& fixes) {
  Linear linear(format, rows, cols, fixes);
  if (linear.kernel_ && linear.row_order_) {
    linear.copy_rows(bytes);
    return linear;
  }
  linear.rows_data_ = bytes;
  linear.owner_ = std::move(owner);
  return linear;
}

void Linear::row_to_float(int64_t row, float* out) const {
  ONEBIT_CHECK(row >= 0 && row < rows_);
  if (!is_packed()) {
    format_->to_float(rows_data_, rows_, cols_, file_row(row), out);
    for (int64_t c = 0; multiplier_ != 1.0f && c < cols_; ++c) out[c] *= multiplier_;
    return;
  }
  const int64_t panel = row / kPanelRows;
  const int64_t r = row % kPanelRows;
  const float* scales = scales_.data() + panel * n_groups_ * kPanelRows + r;
  AlignedBuffer<int8_t> codes(cols_);
  unpack_row(packing_, data_.data() + panel * panel_bytes_, r, cols_, codes.data());
  for (int64_t g = 0, c = 0; g < n_groups_; ++g) {
    const float scale = scales[g * kPanelRows];
    for (const int64_t end = std::min(c + group_, cols_); c < end; ++c) {
      out[c] = static_cast<float>(codes[c]) * scale;
    }
  }
}

}  // namespace onebit
