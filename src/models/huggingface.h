// A Hugging Face folder (config.json, safetensors, tokenizer) as a model.
#pragma once

#include <filesystem>

#include "models/model_file.h"

namespace onebit {

// Everything as if it had come from a GGUF file: docs/formats/huggingface.md says what becomes of
// what. Throws Error, one line that names the file, the field or tensor, the expected and the
// found; kUnsupported for models that are well-formed but not known here.
ModelFile open_huggingface_model(const std::filesystem::path& folder);

}  // namespace onebit
