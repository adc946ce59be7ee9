// The model that the binary carries (models/default.gguf, put in by the assembler).
#pragma once

#include "io/gguf.h"

namespace onebit {

// Throws Error(kUnsupported) in a build without one.
GgufFile open_default_model();

}  // namespace onebit
