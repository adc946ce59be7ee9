// The model that the binary carries (models/default.gguf, put in by the assembler).
#pragma once

#include "models/model_file.h"

namespace onebit {

// Throws Error(kUnsupported) in a build without one.
ModelFile open_default_model();

}  // namespace onebit
