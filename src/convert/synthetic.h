// Models with random weights, written to a file: for measurements of sizes that no file is at hand
// for. They run like the model they are shaped after, and write nonsense.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "models/config.h"
#include "models/model_file.h"
#include "quant/format.h"

namespace onebit {

struct SyntheticShape {
  const char* name;
  ModelConfig config;
  TensorType type;            // of the linear layers, unless asked otherwise
  TensorType embedding_type;  // as the published file has them
  TensorType output_type;     // unless tied
  const char* pre;            // pre-tokeniser
};

std::span<const SyntheticShape> synthetic_shapes();
// Throws Error(kInvalidArgument) that lists the names.
const SyntheticShape& synthetic_shape(const std::string& name);

// Writes the model with its linear layers in `type`, a chunk of rows at a time; in panels (packing)
// the embedding and the head are too, P_INT8 where the published ones are floats. `seed` decides
// all weights. on_progress(bytes done, bytes in all). Throws Error(kInvalidArgument) that names the
// tensor when its columns do not fit the format, Error(kIo).
void write_synthetic(const SyntheticShape& shape, const Format& type,
                     const std::filesystem::path& path, uint64_t seed,
                     const std::function<void(int64_t, int64_t)>& on_progress = {});

// The same model in memory, bit for bit.
ModelFile synthetic_model(const SyntheticShape& shape, const Format& type, uint64_t seed);

}  // namespace onebit
