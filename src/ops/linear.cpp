// Rows of a file as a Linear, and looking one up; linear_pack.cpp makes panels, linear_forward.cpp
// multiplies.
#include "ops/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "quant/panel_shape.h"

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

}  // namespace

Linear::Linear(const Format& format, int64_t rows, int64_t cols, const WeightFixes& fixes)
    : rows_(rows),
      cols_(cols),
      size_(format.bytes(rows, cols)),
      format_(&format),
      kernel_(row_kernel(format)),
      multiplier_(fixes.multiplier),
      row_order_(fixes.row_order) {
  fixes.check();
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
  const PanelShape shape(packing_, rows_, cols_, group_, scale_type_);
  thread_local std::vector<int8_t> codes;
  codes.resize(static_cast<std::size_t>(cols_));
  unpack_matrix_row(shape, panels_, row, cols_, codes.data());
  for (int64_t g = 0, c = 0; g < n_groups_; ++g) {
    const float scale = shape.scale(scales_, row, g);
    for (const int64_t end = std::min(c + group_, cols_); c < end; ++c) {
      out[c] = static_cast<float>(codes[static_cast<std::size_t>(c)]) * scale;
    }
  }
}

}  // namespace onebit
