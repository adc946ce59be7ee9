#include "convert/row_reader.h"

#include <algorithm>
#include <cmath>

#include "convert/chunks.h"
#include "ops/rope.h"
#include "quant/weights.h"

namespace onebit {
namespace {

// For each row of the output the row of the file; empty when they are the same.
std::vector<int64_t> row_order(const ModelTensor& t, int64_t interleaved_heads) {
  if (interleaved_heads == t.interleaved_heads) return {};
  const auto stored = [&](int64_t row, int64_t heads) {
    return heads == 0 ? row : interleaved_row(row, t.rows() / heads);
  };
  std::vector<int64_t> order(static_cast<std::size_t>(t.rows()));
  for (int64_t row = 0; row < t.rows(); ++row) {
    order[static_cast<std::size_t>(stored(row, interleaved_heads))] =
        stored(row, t.interleaved_heads);
  }
  return order;
}

}  // namespace

std::optional<float> common_magnitude(const float* values, int64_t n) {
  float common = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(values[i]);
    if (magnitude == 0 || magnitude == common) continue;
    if (common != 0) return std::nullopt;
    common = magnitude;
  }
  return common;
}

RowReader::RowReader(const ModelFile& model, const ModelTensor& tensor, int64_t interleaved_heads)
    : model_(model), tensor_(tensor), source_row_(row_order(tensor, interleaved_heads)) {
  if (tensor.at_load != AtLoad::kTernary) return;
  AbsMean mean;  // in the order of the file, as the loader takes it
  std::vector<float> row(static_cast<std::size_t>(cols()));
  const int64_t step = chunk_rows(cols());
  for (int64_t first = 0; first < rows(); first += step) {
    const int64_t count = std::min(step, rows() - first);
    for (int64_t r = first; r < first + count; ++r) {
      stored_floats(r, row.data());
      mean.add(row.data(), cols());
    }
    release_source(first, count);
  }
  master_scale_ = mean.scale(WeightClass::kTernary, ScaleType::kF32);
}

bool RowReader::has_codes() const {
  return tensor_.at_load != AtLoad::kAsStored ||
         tensor_.format->weight_class != WeightClass::kFloat;
}

// Row `row` of the file.
void RowReader::stored_floats(int64_t row, float* out) const {
  tensor_.format->to_float(tensor_.bytes.data(), rows(), cols(), row, out);
  const float* bad = std::find_if_not(out, out + cols(), [](float v) { return std::isfinite(v); });
  if (bad == out + cols()) return;
  throw Error(ErrorCode::kInvalidFile, "expected finite values, found another in row " +
                                           std::to_string(row) + ", column " +
                                           std::to_string(bad - out));
}

void RowReader::group_codes(int64_t row, int8_t* codes, float* scales) const {
  std::vector<float> values(static_cast<std::size_t>(cols()));
  stored_floats(row, values.data());
  for (int64_t col = 0; col < cols(); col += kScaleGroup) {
    const float* group = values.data() + col;
    const int64_t n = std::min(kScaleGroup, cols() - col);
    const auto scale = common_magnitude(group, n);
    if (!scale) {
      throw Error(ErrorCode::kInvalidFile,
                  "expected groups of 128 columns of -d, 0 and +d, found others in row " +
                      std::to_string(row) + ", columns " + std::to_string(col) + " and on");
    }
    *scales++ = *scale;
    for (int64_t i = 0; i < n; ++i) {
      codes[col + i] = static_cast<int8_t>((group[i] > 0) - (group[i] < 0));
    }
  }
}

CodeMatrix RowReader::codes(int64_t first, int64_t count) const {
  ONEBIT_CHECK(has_codes());
  CodeMatrix m{.rows = count, .cols = cols(), .group = cols(), .codes = {}, .scales = {}};
  if (tensor_.at_load == AtLoad::kGroups128) {
    m.group = std::min(kScaleGroup, cols());
  } else if (tensor_.at_load == AtLoad::kAsStored && tensor_.format->group > 0) {
    m.group = tensor_.format->group;
  }
  m.codes.resize(static_cast<std::size_t>(count * cols()));
  m.scales.resize(static_cast<std::size_t>(count * m.groups()));
  std::vector<float> values(tensor_.at_load == AtLoad::kTernary ? static_cast<std::size_t>(cols())
                                                                : 0);
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = source_row(first + r);
    int8_t* codes = m.codes.data() + r * cols();
    float* scales = m.scales.data() + r * m.groups();
    switch (tensor_.at_load) {
      case AtLoad::kAsStored:
        tensor_.format->to_codes(tensor_.bytes.data(), rows(), cols(), row, codes, scales);
        break;
      case AtLoad::kTernary:
        stored_floats(row, values.data());
        quantize_codes(values.data(), cols(), WeightClass::kTernary, master_scale_, codes);
        *scales = master_scale_;
        break;
      case AtLoad::kGroups128:
        group_codes(row, codes, scales);
        break;
    }
  }
  for (float& scale : m.scales) scale *= tensor_.scale;
  return m;
}

void RowReader::floats(int64_t first, int64_t count, bool exact, float* out) const {
  if (has_codes()) {
    dequantize_weights(codes(first, count), out);
    return;
  }
  for (int64_t r = 0; r < count; ++r, out += cols()) {
    stored_floats(source_row(first + r), out);
    if (tensor_.scale == 1) continue;
    for (int64_t c = 0; c < cols(); ++c) {
      const double product = static_cast<double>(out[c]) * static_cast<double>(tensor_.scale);
      out[c] = static_cast<float>(product);
      if (exact && static_cast<double>(out[c]) != product) {
        throw Error(ErrorCode::kInvalidArgument,
                    "row " + std::to_string(first + r) + ", column " + std::to_string(c) +
                        ": expected a product with the tensor's own scale that f32 holds");
      }
    }
  }
}

void RowReader::release(int64_t first, int64_t count) const {
  if (same_order()) release_source(first, count);
}

void RowReader::release_source(int64_t first, int64_t count) const {
  const auto bytes = static_cast<int64_t>(tensor_.bytes.size());
  const int64_t begin = bytes / rows() * first;
  const int64_t end = first + count == rows() ? bytes : bytes / rows() * (first + count);
  model_.release(tensor_.bytes.subspan(static_cast<std::size_t>(begin),
                                       static_cast<std::size_t>(end - begin)));
}

}  // namespace onebit
