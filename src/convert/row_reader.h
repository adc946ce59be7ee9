// The rows of a tensor in the order of the output, some at a time: as codes and scales where that
// is what they mean, or as floats.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/model_file.h"
#include "quant/code_matrix.h"

namespace onebit {

class RowReader {
 public:
  // `interleaved_heads` as ModelTensor's, but of the output. `tensor` and `model` are kept by
  // reference. Reads a BitNet master once, for its scale.
  RowReader(const ModelFile& model, const ModelTensor& tensor, int64_t interleaved_heads);

  int64_t rows() const { return tensor_.rows(); }
  int64_t cols() const { return tensor_.cols(); }
  // The rows lie in the file as the output has them.
  bool same_order() const { return source_row_.empty(); }
  // The values are codes and scales: by the format, or by what is done at load. Else floats.
  bool has_codes() const;

  // Rows [first, first + count). ModelTensor::scale is folded into the scales, rounded to f32 once,
  // as the loader does. Needs has_codes(). Throws Error(kInvalidFile) for codes and values that the
  // format or AtLoad does not allow.
  CodeMatrix codes(int64_t first, int64_t count) const;
  // The same rows as floats [count * cols]: scale times code where there are codes. Throws
  // Error(kInvalidFile) for values that are not finite, Error(kInvalidArgument) where f32 does not
  // hold the product with ModelTensor::scale and `exact` asks for it.
  void floats(int64_t first, int64_t count, bool exact, float* out) const;

  // These rows were read: their pages may leave memory.
  void release(int64_t first, int64_t count) const;

 private:
  int64_t source_row(int64_t row) const {
    return source_row_.empty() ? row : source_row_[static_cast<std::size_t>(row)];
  }
  void release_source(int64_t first, int64_t count) const;
  void stored_floats(int64_t row, float* out) const;
  void group_codes(int64_t row, int8_t* codes, float* scales) const;

  const ModelFile& model_;
  const ModelTensor& tensor_;
  std::vector<int64_t> source_row_;  // of the file, by row of the output; empty: the same
  float master_scale_ = 0;           // AtLoad::kTernary
};

// |v| of all values but zeros, 0 if there are none but zeros; nullopt if they differ.
std::optional<float> common_magnitude(const float* values, int64_t n);

}  // namespace onebit
