#include "train/quant_spec.h"

namespace onebit {

QuantSpec make_quant_spec(TrainMode mode, Granularity granularity, float sign_clip) {
  QuantSpec spec;
  spec.granularity = granularity;
  spec.sign_clip = sign_clip;
  switch (mode) {
    case TrainMode::kFp32:
      spec.weights = WeightClass::kFloat;
      spec.activations = ActQuant::kF32;
      spec.format = &format(kF32);
      return spec;
    case TrainMode::kW158A8:
      spec.weights = WeightClass::kTernary;
      spec.activations = ActQuant::kInt8;
      spec.format = &format(granularity == Granularity::kTensor ? kI2_S
                            : granularity == Granularity::kRow  ? kTQ2_0
                                                                : kQ2_0);
      break;
    case TrainMode::kW1A8:
    case TrainMode::kW1A1:
      spec.weights = WeightClass::kBinary;
      spec.activations = mode == TrainMode::kW1A1 ? ActQuant::kSign : ActQuant::kInt8;
      spec.format = &format(kQ1_0);
      break;
  }
  spec.scale_type = spec.format->id == kI2_S ? ScaleType::kF32 : ScaleType::kF16;
  return spec;
}

}  // namespace onebit
