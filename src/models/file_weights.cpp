#include "models/file_weights.h"

#include <algorithm>
#include <cmath>

#include "ops/rope.h"
#include "quant/weights.h"

namespace onebit {
namespace {

[[noreturn]] void fail(const std::string& tensor, const std::string& expected,
                       const std::string& found) {
  throw Error(ErrorCode::kInvalidFile,
              "tensor " + quote(tensor) + ": expected " + expected + ", found " + found);
}

// Errors of a format's decoder, with the tensor's name in front.
template <typename F>
decltype(auto) named(const std::string& name, F f) try {
  return f();
} catch (const Error& e) {
  throw Error(e.code(), "tensor " + quote(name) + ": " + e.what());
}

WeightFixes fixes_of(const ModelTensor& t) {
  WeightFixes fixes{.multiplier = t.scale, .row_order = {}};
  if (t.interleaved_heads > 0) {
    fixes.row_order = [head_dim = t.rows() / t.interleaved_heads](int64_t row) {
      return interleaved_row(row, head_dim);
    };
  }
  return fixes;
}

std::vector<float> to_floats(const ModelTensor& t) {
  const int64_t cols = t.cols();
  std::vector<float> values(static_cast<std::size_t>(checked_mul(t.rows(), cols, "tensor")));
  for (int64_t row = 0; row < t.rows(); ++row) {
    float* out = values.data() + row * cols;
    t.format->to_float(t.bytes.data(), t.rows(), cols, row, out);
    const float* bad = std::find_if_not(out, out + cols, [](float v) { return std::isfinite(v); });
    if (bad != out + cols) {
      fail(t.name, "finite values",
           "a non-finite one in row " + std::to_string(row) + ", column " +
               std::to_string(bad - out));
    }
  }
  return values;
}

// The group's one magnitude, 0 if all are zero.
float group_scale(const ModelTensor& t, const float* values, int64_t n, int64_t row, int64_t col) {
  float scale = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(values[i]);
    if (magnitude == 0) continue;
    if (scale != 0 && magnitude != scale) {
      fail(t.name, "groups of 128 columns of -d, 0 and +d",
           std::to_string(scale) + " and " + std::to_string(magnitude) + " in row " +
               std::to_string(row) + ", columns " + std::to_string(col) + " and on");
    }
    scale = magnitude;
  }
  return scale;
}

LoadedCodes group_codes(const ModelTensor& t) {
  const std::vector<float> values = to_floats(t);
  LoadedCodes loaded{
      {.rows = t.rows(), .cols = t.cols(), .group = kScaleGroup, .codes = {}, .scales = {}},
      WeightClass::kBinary};
  CodeMatrix& m = loaded.matrix;
  m.codes.resize(values.size());
  for (int64_t row = 0; row < m.rows; ++row) {
    for (int64_t col = 0; col < m.cols; col += m.group) {
      const int64_t n = std::min(m.group, m.cols - col);
      const float* group = values.data() + row * m.cols + col;
      int8_t* codes = m.codes.data() + row * m.cols + col;
      m.scales.push_back(group_scale(t, group, n, row, col));
      for (int64_t i = 0; i < n; ++i) {
        codes[i] = static_cast<int8_t>((group[i] > 0) - (group[i] < 0));
        if (codes[i] == 0) loaded.weight_class = WeightClass::kTernary;
      }
    }
  }
  return loaded;
}

}  // namespace

LoadedCodes codes_at_load(const ModelTensor& t) {
  ONEBIT_CHECK(t.at_load != AtLoad::kAsStored && t.format->weight_class == WeightClass::kFloat);
  if (t.at_load == AtLoad::kGroups128) return group_codes(t);
  const std::vector<float> values = to_floats(t);
  return {quantize_weights(values.data(), t.rows(), t.cols(), WeightClass::kTernary,
                           Granularity::kTensor, ScaleType::kF32),
          WeightClass::kTernary};
}

Linear FileWeights::matrix(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) {
  const ModelTensor& t = find(name, {cols, rows});
  const WeightFixes fixes = fixes_of(t);
  Linear linear = named(name, [&] {
    if (t.at_load != AtLoad::kAsStored) {
      const LoadedCodes codes = codes_at_load(t);
      if (quant != ActQuant::kF32) {
        return Linear::pack(codes.matrix, codes.weight_class, quant, fixes, resources_.pool);
      }
      // The exact path reads floats: those that the codes mean, not the master's.
      std::vector<float> values(codes.matrix.codes.size());
      dequantize_weights(codes.matrix, values.data());
      return Linear::rows(format(kF32), reinterpret_cast<const uint8_t*>(values.data()), rows, cols,
                          fixes);
    }
    if (t.format->weight_class == WeightClass::kFloat || quant == ActQuant::kF32) {
      return Linear::rows(*t.format, t.bytes.data(), rows, cols, fixes);
    }
    return Linear::pack(*t.format, t.bytes.data(), rows, cols, quant, fixes, resources(t));
  });
  if (!linear.is_in_place()) file_.release(t.bytes);
  return linear;
}

Linear FileWeights::head(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) {
  const ModelTensor& t = find(name, {cols, rows});
  const bool floats =
      t.format->weight_class == WeightClass::kFloat && t.at_load == AtLoad::kAsStored;
  if (!floats || head_ == Head::kExact || quant == ActQuant::kF32) {
    // 1-bit activations are for layers trained with them, never for the head.
    return matrix(name, rows, cols, quant == ActQuant::kSign ? ActQuant::kF32 : quant);
  }
  Linear linear = named(name, [&] {
    const bool six_bits = head_ == Head::kInt6 || t.format->packing == Packing::kInt6;
    const auto pack = six_bits ? Linear::pack_int6 : Linear::pack_int8;
    return pack(*t.format, t.bytes.data(), rows, cols, fixes_of(t), resources(t));
  });
  if (!linear.is_in_place()) file_.release(t.bytes);
  return linear;
}

Linear FileWeights::table(const std::string& name, int64_t rows, int64_t cols) {
  const ModelTensor& t = find(name, {cols, rows});
  return named(name, [&] {
    return Linear::view(*t.format, t.bytes.data(), rows, cols, file_.owner(t.bytes), fixes_of(t));
  });
}

std::vector<float> FileWeights::vector(const std::string& name, int64_t n) {
  const ModelTensor& t = find(name, {n});
  if (t.format->weight_class != WeightClass::kFloat) fail(name, "floats", t.format->name);
  std::vector<float> values(static_cast<std::size_t>(n));
  t.format->to_float(t.bytes.data(), 1, n, 0, values.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      fail(name, "finite values", "a non-finite one at " + std::to_string(i));
    }
  }
  return values;
}

const ModelTensor& FileWeights::find(const std::string& name,
                                     const std::vector<int64_t>& shape) const {
  const ModelTensor* tensor = file_.find(name);
  if (tensor == nullptr) fail(name, "shape " + shape_text(shape), "no such tensor");
  std::vector<int64_t> found = tensor->shape;
  while (found.size() > shape.size() && found.back() == 1) found.pop_back();
  if (found != shape) fail(name, "shape " + shape_text(shape), shape_text(tensor->shape));
  return *tensor;
}

}  // namespace onebit
