// AdamW over all parameters: gradient clipping, moments and update in two passes over memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "train/network.h"

namespace onebit {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double grad_clip = 1.0;  // of the global norm; 0: off
};

class AdamW {
 public:
  AdamW(std::vector<Parameter>& parameters, ThreadPool& pool, const AdamWOptions& options);

  // Global L2 norm of the gradients, in double, in one order for any thread count. Not finite if
  // any gradient is not; first_bad() then names the tensor.
  double grad_norm() const;
  std::string first_bad() const;
  // Update number `step` (0-based): clips by `norm`, steps, and drops the gradients. Weight decay
  // applies to linear matrices only.
  void step(int64_t step, double lr, double weight_decay, double norm);

  AlignedBuffer<float>& m(std::size_t parameter) { return m_[parameter]; }
  AlignedBuffer<float>& v(std::size_t parameter) { return v_[parameter]; }

 private:
  std::vector<Parameter>& parameters_;
  ThreadPool& pool_;
  AdamWOptions options_;
  std::vector<AlignedBuffer<float>> m_, v_;
};

}  // namespace onebit
