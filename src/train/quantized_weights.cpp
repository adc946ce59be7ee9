#include "train/quantized_weights.h"

#include <algorithm>
#include <utility>

namespace onebit {

void QuantizedWeights::refresh(const float* latent, const QuantSpec& spec) {
  CodeMatrix next =
      quantize_weights(latent, rows_, cols_, spec.weights, spec.granularity, spec.scale_type);
  flips_ = 0;
  for (std::size_t i = 0; i < codes_.codes.size(); ++i) flips_ += codes_.codes[i] != next.codes[i];
  zeros_ = std::count(next.codes.begin(), next.codes.end(), int8_t{0});
  codes_ = std::move(next);
  linear_ = Linear::pack(codes_, spec.weights, spec.activations);
  dequantize_weights(codes_, values_.data());
}

}  // namespace onebit
