// Where a model's weights come from: a file, or numbers made up for a benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/linear.h"

namespace onebit {

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual bool has(const std::string& name) const = 0;
  // The matrix `name` of shape [rows, cols]: packed for activations quantised by `quant` if it is
  // ternary or binary and `quant` is not kF32, else rows in their disk layout. Throws
  // Error(kInvalidFile) that names the tensor when it is absent or of another shape.
  virtual Linear matrix(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) = 0;
  // The head (or the table that is head and embedding in one): like matrix() if it is ternary or
  // binary; floats become int8 (Linear::pack_int8), or 6 bits, unless `quant` is kF32 or the source
  // was asked to keep the head exact.
  virtual Linear head(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) = 0;
  // The same as rows that are only looked up: left where the file has them.
  virtual Linear table(const std::string& name, int64_t rows, int64_t cols) = 0;
  // The vector `name` of n floats (norm weights).
  virtual std::vector<float> vector(const std::string& name, int64_t n) = 0;
};

}  // namespace onebit
