// The quantised twin of a latent weight matrix, rebuilt after every optimiser step.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "train/quant_spec.h"

namespace onebit {

class QuantizedWeights {
 public:
  QuantizedWeights() = default;
  QuantizedWeights(int64_t rows, int64_t cols) : rows_(rows), cols_(cols), values_(rows * cols) {}

  // Quantises `latent` [rows, cols] through the engine's code. Counts the codes that changed.
  void refresh(const float* latent, const QuantSpec& spec);

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  const CodeMatrix& codes() const { return codes_; }
  const Linear& linear() const { return linear_; }        // packed for the forward kernels
  const float* values() const { return values_.data(); }  // scale * code, for the backward pass
  int64_t zeros() const { return zeros_; }
  int64_t flips() const { return flips_; }  // codes that the last refresh changed

 private:
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  CodeMatrix codes_;
  Linear linear_;
  AlignedBuffer<float> values_;
  int64_t zeros_ = 0;
  int64_t flips_ = 0;
};

}  // namespace onebit
