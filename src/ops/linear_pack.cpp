// How a Linear gets its panels: from codes or floats of any source, or as a file has them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/half.h"
#include "ops/linear.h"
#include "quant/panel_shape.h"
#include "quant/summed_group.h"
#include "quant/unaligned.h"
#include "quant/weights.h"

namespace onebit {
namespace {

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

// Splits as forward() does, so that each thread is the first to touch what it will read.
template <typename Body>
void for_panels(ThreadPool* pool, int64_t n_panels, int64_t panel_bytes, Body body) {
  if (pool == nullptr) {
    body(int64_t{0}, n_panels);
  } else {
    pool->parallel_for(n_panels, items_per_part(panel_bytes), body);
  }
}

int64_t source_row(const WeightFixes& fixes, int64_t row, int64_t rows) {
  const int64_t source = fixes.row_order ? fixes.row_order(row) : row;
  ONEBIT_CHECK(source >= 0 && source < rows);
  return source;
}

void check_scale(int64_t row, float scale) {
  if (!std::isfinite(scale)) refuse_scale("scale of row " + std::to_string(row), scale);
}

// By bits: a loop that compilers vectorise.
template <typename Bits>
bool all_finite(const uint8_t* scales, int64_t n, Bits infinity) {
  bool finite = true;
  for (int64_t i = 0; i < n; ++i) {
    const auto bits = load<Bits>(scales + i * static_cast<int64_t>(sizeof(Bits)));
    finite &= (bits & infinity) != infinity;
  }
  return finite;
}

// Throws Error(kInvalidFile) where a scale of the panels is not finite.
void check_scales(const PanelShape& shape, const uint8_t* scales) {
  const bool finite = shape.scale_type == ScaleType::kF16
                          ? all_finite<uint16_t>(scales, shape.n_scales, 0x7c00)
                          : all_finite<uint32_t>(scales, shape.n_scales, 0x7f800000);
  if (finite) return;
  for (int64_t row = 0; row < shape.rows; ++row) {
    for (int64_t g = 0; g < shape.groups; ++g) {
      check_scale(row, shape.scale(scales, row, g));
    }
  }
  throw Error(ErrorCode::kInvalidFile, "scales of padding rows: expected 0, found another");
}

// Columns that are summed as one group, by the scales of panels.
int64_t summed_group(const PanelShape& shape, const uint8_t* scales, int64_t cols, int64_t group) {
  if (shape.groups == 1) return group;
  SummedGroup summed(cols, group);
  std::vector<float> row_scales(static_cast<std::size_t>(shape.groups));
  for (int64_t row = 0; row < shape.rows && !summed.settled(); ++row) {
    for (int64_t g = 0; g < shape.groups; ++g) {
      row_scales[static_cast<std::size_t>(g)] = shape.scale(scales, row, g);
    }
    summed.add(row_scales.data());
  }
  return summed.columns();
}

}  // namespace

void WeightFixes::check() const {
  if (!std::isfinite(multiplier)) refuse_scale("weight multiplier", multiplier);
}

Linear::Linear(Packing packing, ActQuant quant, int64_t rows, int64_t cols)
    : rows_(rows),
      cols_(cols),
      size_(packed_bytes(packing, rows, cols)),
      packing_(packing),
      quant_(quant),
      panel_bytes_(onebit::panel_bytes(packing, cols)) {}

void Linear::set_group(int64_t group) {
  group_ = group >= cols_ ? round_up(cols_, kColumnPad) : group;
  n_groups_ = ceil_div(cols_, group_);
  n_scales_ = checked_mul(padded_rows(packing_, rows_), n_groups_, "weight scales");
  ONEBIT_CHECK(n_groups_ == 1 || group_ % kColumnPad == 0);
}

// row_of(row, scratch [cols], scales [ceil(cols / stored)]) writes the row's scales and returns its
// codes, in `scratch` or elsewhere. Runs on several threads.
template <typename RowOf>
Linear Linear::pack_rows(Packing packing, ActQuant quant, int64_t rows, int64_t cols,
                         int64_t stored, float multiplier, ThreadPool* pool, RowOf row_of) {
  Linear linear(packing, quant, rows, cols);
  linear.data_ = AlignedBuffer<uint8_t>(linear.size_);
  linear.panels_ = linear.data_.data();
  const int64_t n_stored = ceil_div(cols, stored);
  AlignedBuffer<float> stored_scales(checked_mul(rows, n_stored, "weight scales"));
  const int64_t step = linear.panel_rows();
  for_panels(pool, linear.n_panels(), linear.panel_bytes_, [&](int64_t begin, int64_t end) {
    AlignedBuffer<int8_t> scratch(step * cols);
    std::vector<const int8_t*> codes(static_cast<std::size_t>(step));
    for (int64_t first = begin * step; first < std::min(end * step, rows); first += step) {
      const int64_t n = std::min(step, rows - first);
      for (int64_t r = 0; r < n; ++r) {
        codes[static_cast<std::size_t>(r)] = row_of(first + r, scratch.data() + r * cols,
                                                    stored_scales.data() + (first + r) * n_stored);
      }
      pack_panel(packing, codes.data(), n, cols,
                 linear.data_.data() + first / step * linear.panel_bytes_);
    }
  });

  SummedGroup summed(cols, stored);
  for (int64_t row = 0; row < rows; ++row) summed.add(stored_scales.data() + row * n_stored);
  linear.set_group(summed.columns());
  const auto scale = [&](int64_t row, int64_t group) {
    return stored_scales[row * n_stored + group * linear.group_ / stored] * multiplier;
  };
  bool f16 = linear.n_groups_ > 1;
  for (int64_t row = 0; row < rows && f16; ++row) {
    for (int64_t g = 0; g < linear.n_groups_; ++g) f16 = f16 && is_f16(scale(row, g));
  }
  linear.scale_type_ = f16 ? ScaleType::kF16 : ScaleType::kF32;
  const PanelShape panels(packing, rows, cols, linear.group_, linear.scale_type_);
  linear.scale_data_ = AlignedBuffer<uint8_t>(panels.scales_bytes());
  linear.scales_ = linear.scale_data_.data();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t g = 0; g < linear.n_groups_; ++g) {
      panels.set_scale(linear.scale_data_.data(), row, g, scale(row, g));
    }
  }
  return linear;
}

Linear Linear::pack(const CodeMatrix& matrix, WeightClass weight_class, ActQuant quant,
                    const WeightFixes& fixes, ThreadPool* pool) {
  fixes.check();
  const bool one_scale = matrix.scales.size() == 1;
  const int64_t stored = one_scale ? matrix.cols : matrix.group;
  const int64_t n_stored = ceil_div(matrix.cols, stored);
  return pack_rows(choose_packing(weight_class, quant), quant, matrix.rows, matrix.cols, stored,
                   fixes.multiplier, pool, [&](int64_t row, int8_t*, float* scales) {
                     const int64_t source = source_row(fixes, row, matrix.rows);
                     std::copy_n(matrix.scales.data() + (one_scale ? 0 : source * n_stored),
                                 n_stored, scales);
                     return matrix.codes.data() + source * matrix.cols;
                   });
}

Linear Linear::pack(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                    ActQuant quant, const WeightFixes& fixes, const LoadResources& resources) {
  ONEBIT_CHECK(format.to_codes != nullptr);
  fixes.check();
  Packing packing = choose_packing(format.weight_class, quant);
  if (resources.triples && packing == Packing::kTernaryI8 && quant == ActQuant::kInt8 &&
      format.group == 0 && !format.packing) {
    packing = Packing::kTripleI8;
  }
  if (auto linear = take(packing, quant, format, bytes, rows, cols, fixes, resources)) {
    return *std::move(linear);
  }
  const int64_t stored = format.group == 0 ? cols : format.group;
  const int64_t n_stored = ceil_div(cols, stored);
  return pack_rows(packing, quant, rows, cols, stored, fixes.multiplier, resources.pool,
                   [&](int64_t row, int8_t* codes, float* scales) {
                     const int64_t source = source_row(fixes, row, rows);
                     format.to_codes(bytes, rows, cols, source, codes, scales);
                     for (int64_t g = 0; g < n_stored; ++g) {
                       check_scale(source, scales[g] * fixes.multiplier);
                     }
                     return codes;
                   });
}

Linear Linear::pack_int8(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                         const WeightFixes& fixes, const LoadResources& resources) {
  fixes.check();
  if (auto linear =
          take(Packing::kInt8, ActQuant::kInt8Group, format, bytes, rows, cols, fixes, resources)) {
    return *std::move(linear);
  }
  return pack_floats(Packing::kInt8, quantize_int8, format, bytes, rows, cols, fixes,
                     resources.pool);
}

Linear Linear::pack_int6(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                         const WeightFixes& fixes, const LoadResources& resources) {
  fixes.check();
  // The codes are int8 codes too, so any kernel of kInt8 gives the same exact dots.
  const Kernels* kernels = resources.kernels;
  const bool known =
      kernels != nullptr && kernels->matmul[static_cast<int>(Packing::kInt6)] != nullptr;
  const Packing packing = known ? Packing::kInt6 : Packing::kInt8;
  if (format.packing != Packing::kInt6) {
    return pack_floats(packing, quantize_int6, format, bytes, rows, cols, fixes, resources.pool);
  }
  if (auto linear =
          take(packing, ActQuant::kInt8Group, format, bytes, rows, cols, fixes, resources)) {
    return *std::move(linear);
  }
  return repack_int6(packing, bytes, rows, cols, fixes, resources.pool);
}

Linear Linear::repack_int6(Packing packing, const uint8_t* bytes, int64_t rows, int64_t cols,
                           const WeightFixes& fixes, ThreadPool* pool) {
  const PanelShape shape(Packing::kInt6, rows, cols, 0);
  return pack_rows(packing, ActQuant::kInt8Group, rows, cols, cols, fixes.multiplier, pool,
                   [&](int64_t row, int8_t* codes, float* scales) {
                     const int64_t source = source_row(fixes, row, rows);
                     unpack_matrix_row(shape, bytes, source, cols, codes);
                     *scales = shape.scale(bytes + shape.weight_bytes, source, 0);
                     check_scale(source, *scales * fixes.multiplier);
                     return codes;
                   });
}

Linear Linear::pack_floats(Packing packing, float (*quantize)(const float*, int64_t, int8_t*),
                           const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                           const WeightFixes& fixes, ThreadPool* pool) {
  return pack_rows(packing, ActQuant::kInt8Group, rows, cols, cols, 1.0f, pool,
                   [&](int64_t row, int8_t* codes, float* scales) {
                     const int64_t source = source_row(fixes, row, rows);
                     thread_local std::vector<float> values;
                     values.resize(static_cast<std::size_t>(cols));
                     format.to_float(bytes, rows, cols, source, values.data());
                     if (fixes.multiplier != 1) {
                       for (float& value : values) value *= fixes.multiplier;
                     }
                     *scales = quantize(values.data(), cols, codes);
                     if (!std::isfinite(*scales)) {
                       throw Error(ErrorCode::kInvalidFile, "row " + std::to_string(source) +
                                                                ": expected finite values, found " +
                                                                std::to_string(*scales));
                     }
                     return codes;
                   });
}

std::optional<Linear> Linear::take(Packing packing, ActQuant quant, const Format& format,
                                   const uint8_t* bytes, int64_t rows, int64_t cols,
                                   const WeightFixes& fixes, const LoadResources& resources) {
  if (format.packing != packing || fixes.multiplier != 1 || fixes.row_order) return std::nullopt;
  const PanelShape shape(packing, rows, cols, format.group, format.scale_type);
  const uint8_t* scales = bytes + shape.weight_bytes;
  check_scales(shape, scales);
  // Where scales agree on more columns than the type says, the law sums those together.
  if (summed_group(shape, scales, cols, format.group) != format.group) return std::nullopt;
  Linear linear(packing, quant, rows, cols);
  linear.set_group(format.group == 0 ? cols : format.group);
  ONEBIT_CHECK(linear.n_scales_ == shape.n_scales);
  const bool aligned = reinterpret_cast<uintptr_t>(bytes) % kPanelAlignment == 0;
  if (resources.owner != nullptr && aligned) {
    linear.owner_ = resources.owner;
    linear.panels_ = bytes;
  } else {
    linear.data_ = AlignedBuffer<uint8_t>(shape.bytes());
    std::memcpy(linear.data_.data(), bytes, static_cast<std::size_t>(shape.bytes()));
    linear.panels_ = linear.data_.data();
  }
  linear.scale_type_ = format.scale_type;
  linear.scales_ = linear.panels_ + shape.weight_bytes;
  return linear;
}

}  // namespace onebit
