// One tensor into another format, a few rows at a time.
#pragma once

#include <cstdint>
#include <string>

#include "convert/chunks.h"
#include "convert/row_reader.h"
#include "quant/format.h"

namespace onebit {

// What may be lost on the way, from nothing on.
enum class Loss {
  kNone,       // codes and scales, or float values, are carried exactly
  kScales,     // codes are carried, scales rounded to the f16 that the format holds
  kQuantised,  // values are rounded to what the format holds: by its own quantiser, or to codes by
               // absmean (quant/weights.h) with a scale for the tensor or the format's group
};

// Hands the tensor's bytes in `target` to `sink`, in order. Memory: a few MB. Throws
// Error(kInvalidArgument) where `loss` does not suffice, with the row and column.
void encode(const RowReader& source, const Format& target, Loss loss, const ByteSink& sink);

// What `loss` does to a tensor that becomes `target`, for people.
std::string describe(Loss loss, const Format& target);

}  // namespace onebit
