// What a converted model will hold, decided before a byte is written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/model_file.h"

namespace onebit {

struct ConvertOptions {
  // Formats of the linear layers (`blk.*`, two dimensions), of the embedding and of the head.
  // nullptr: as the file has them where GGUF can hold that. A BitNet master then becomes I2_S,
  // groups of -d, 0, +d become Q1_0 or Q2_0.
  const Format* type = nullptr;
  const Format* embedding_type = nullptr;
  const Format* output_type = nullptr;
  bool allow_lossy = false;
};

struct PlannedTensor {
  std::string name;
  std::vector<int64_t> shape;
  const ModelTensor* source;
  const Format* target;
  int64_t interleaved_heads = 0;  // of the output, as ModelTensor's
  bool copied = false;            // the very bytes of the source
  bool allow_lossy = false;       // values may be rounded to what the target holds
  bool is_scale = false;          // `source`'s separate scale, one f32, in a tensor of its own

  int64_t rows() const { return is_scale ? 1 : source->rows(); }
  int64_t cols() const { return is_scale ? 1 : source->cols(); }
  int64_t bytes() const { return target->bytes(rows(), cols()); }
};

struct ConversionPlan {
  GgufMetadata metadata;
  std::vector<PlannedTensor> tensors;  // in the order of the file
};

// Throws Error(kInvalidArgument) that names the tensor for a shape that its format does not allow.
ConversionPlan plan_conversion(const ModelFile& model, const ConvertOptions& options);

// The same for any choice: what becomes of a tensor is choose(tensor).
struct TargetChoice {
  const Format* format;
  bool allow_lossy = false;
};
ConversionPlan plan_conversion(const ModelFile& model,
                               const std::function<TargetChoice(const ModelTensor&)>& choose);

// What plan_conversion() makes of a tensor when it is not told.
const Format& default_target(const ModelFile& model, const ModelTensor& t);
// A weight matrix of a layer.
bool is_linear(const ModelTensor& t);

// A format that can be written, by name. Throws Error(kInvalidArgument) that lists them.
const Format& writable_format(const std::string& name);

}  // namespace onebit
