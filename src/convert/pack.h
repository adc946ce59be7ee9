// A model as the engine will hold it in memory, in a file that it maps: every matrix in the panels
// that the loader would make of it, with the loader's choices. docs/formats/p_ternary.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "convert/convert.h"
#include "models/file_weights.h"

namespace onebit {

struct PackOptions {
  // Of floats, and of an embedding that is also the head: becomes P_INT8 or P_INT6 as at load, or
  // (kExact) stays as the file has it.
  Head head = Head::kInt8;
};

// Writes `model` packed to `path`, a few MB at a time; the logits of the two are the same bits.
// Codes that are not multiplied as panels (f32 activations, a table that is only looked up) stay
// in their type. Throws as convert_model(), and Error(kUnsupported) for a model that this build
// does not run.
ConvertReport pack_model(const ModelFile& model, const std::filesystem::path& path,
                         const PackOptions& options,
                         const std::function<void(int64_t, int64_t)>& on_progress = {});

}  // namespace onebit
