// How a Linear is made and looked up; linear_forward.cpp multiplies with it.
#include "ops/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/checked.h"
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

// Codes of values * multiplier; returns the scale, which is not finite if a value is not.
float quantize_row(std::span<const float> values, float multiplier, int8_t* codes) {
  float absmax = 0;
  float nonfinite = 0;  // 0, or NaN
  for (const float value : values) {
    const float size = std::fabs(value * multiplier);
    absmax = std::max(absmax, size);
    nonfinite += size * 0.0f;
  }
  const float scale = absmax / 127.0f + nonfinite;
  const float divisor = scale > 0 ? scale : 1.0f;
  for (std::size_t c = 0; c < values.size(); ++c) {
    // Adding 1.5 * 2^23 rounds half to even. A subnormal scale is coarse: hence the clip.
    const float rounded = (values[c] * multiplier / divisor + 12582912.0f) - 12582912.0f;
    codes[c] = static_cast<int8_t>(std::clamp(rounded, -127.0f, 127.0f));
  }
  return scale;
}

}  // namespace

struct Linear::CodeRow {
  const int8_t* codes;
  const float* scales;
};

Linear::Linear(Packing packing, ActQuant quant, int64_t rows, int64_t cols, int64_t group)
    : rows_(rows), cols_(cols), packing_(packing), quant_(quant) {
  group_ = group >= cols ? round_up(cols, kColumnPad) : group;
  n_groups_ = ceil_div(cols, group_);
  ONEBIT_CHECK(n_groups_ == 1 || group_ % kColumnPad == 0);
  panel_bytes_ = panel_bytes(packing, cols);
  size_ = packed_bytes(packing, rows, cols);
  data_ = AlignedBuffer<uint8_t>(size_);
  scales_ =
      AlignedBuffer<float>(checked_mul(padded_rows(packing, rows), n_groups_, "weight scales"));
}

template <typename RowOf>
void Linear::fill_panels(int64_t stored, float multiplier, RowOf row_of) {
  const int64_t step = panel_rows();
  AlignedBuffer<int8_t> scratch(step * cols_);
  std::vector<const int8_t*> codes(static_cast<std::size_t>(step));
  for (int64_t first = 0; first < rows_; first += step) {
    const int64_t n_rows = std::min(step, rows_ - first);
    const int64_t stride = padded_rows(packing_, n_rows);
    float* scales = scales_.data() + first * n_groups_;
    for (int64_t r = 0; r < n_rows; ++r) {
      const CodeRow row = row_of(first + r, scratch.data() + r * cols_);
      codes[static_cast<std::size_t>(r)] = row.codes;
      for (int64_t g = 0; g < n_groups_; ++g) {
        scales[g * stride + r] = row.scales[g * group_ / stored] * multiplier;
      }
    }
    pack_panel(packing_, codes.data(), n_rows, cols_, data_.data() + first / step * panel_bytes_);
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
  Linear linear(choose_packing(weight_class, quant), quant, matrix.rows, matrix.cols, group);
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
  Linear linear(choose_packing(format.weight_class, quant), quant, rows, cols, group);
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

Linear Linear::pack_int8(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                         const WeightFixes& fixes) {
  check_multiplier(fixes.multiplier);
  Linear linear(Packing::kInt8, ActQuant::kInt8Group, rows, cols, cols);
  AlignedBuffer<float> values(cols);
  float scale = 0;
  linear.fill_panels(cols, 1.0f, [&](int64_t row, int8_t* codes) -> CodeRow {
    const int64_t source = fixes.row_order ? fixes.row_order(row) : row;
    ONEBIT_CHECK(source >= 0 && source < rows);
    format.to_float(bytes, rows, cols, source, values.data());
    scale = quantize_row(values.span(), fixes.multiplier, codes);
    if (!std::isfinite(scale)) {
      throw Error(ErrorCode::kInvalidFile, "row " + std::to_string(source) +
                                               ": expected finite values, found " +
                                               std::to_string(scale));
    }
    return {codes, &scale};
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
  const int64_t first = row / panel_rows() * panel_rows();
  const int64_t n_rows = std::min(panel_rows(), rows_ - first);
  const float* scales = scales_.data() + first * n_groups_ + (row - first);
  thread_local std::vector<int8_t> codes;
  codes.resize(static_cast<std::size_t>(cols_));
  unpack_row(packing_, data_.data() + first / panel_rows() * panel_bytes_, n_rows, row - first,
             cols_, codes.data());
  for (int64_t g = 0, c = 0; g < n_groups_; ++g) {
    const float scale = scales[g * padded_rows(packing_, n_rows)];
    for (const int64_t end = std::min(c + group_, cols_); c < end; ++c) {
      out[c] = static_cast<float>(codes[static_cast<std::size_t>(c)]) * scale;
    }
  }
}

}  // namespace onebit
