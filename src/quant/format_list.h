// Declares `NAME_format` for every line of formats.inc. For format.cpp and the formats' own files.
#pragma once

#include "quant/format.h"

namespace onebit {

#define ONEBIT_FORMAT(name) extern const Format name##_format;
#define ONEBIT_VARIANT(name) extern const Format name##_format;
#include "quant/formats.inc"
#undef ONEBIT_FORMAT
#undef ONEBIT_VARIANT

}  // namespace onebit
