// What a training mode means: how weights and activations are quantised, and the file's format.
#pragma once

#include <string_view>

#include "ops/linear.h"
#include "quant/format.h"
#include "quant/weights.h"

namespace onebit {

// fp32: no quantisation, the twin that 1-bit modes are compared with. w1.58a8: ternary weights,
// int8 activations (BitNet b1.58). w1a8: binary weights. w1a1: binary weights, sign activations.
enum class TrainMode { kFp32, kW158A8, kW1A8, kW1A1 };

struct QuantSpec {
  WeightClass weights = WeightClass::kTernary;  // kFloat: latents are used as they are
  Granularity granularity = Granularity::kTensor;
  ScaleType scale_type = ScaleType::kF32;  // what `format` stores
  ActQuant activations = ActQuant::kInt8;
  const Format* format = nullptr;  // of the linear layers on disk
  // Sign activations pass gradients where |x| <= sign_clip * mean|x| of the token.
  float sign_clip = 1;
};

// Ternary: one scale a tensor -> I2_S, a row -> TQ2_0, a group -> Q2_0; binary -> Q1_0.
QuantSpec make_quant_spec(TrainMode mode, Granularity granularity, float sign_clip);

}  // namespace onebit
