// A tensor's bytes made some rows at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "quant/format.h"

namespace onebit {

using ByteSink = std::function<void(std::span<const uint8_t>)>;

// The rows that one chunk of about a million values has: a multiple of `step`.
int64_t chunk_rows(int64_t cols, int64_t step = 1);

// Hands the bytes of a tensor [rows, cols] to `sink`, in order. fill(first, count, bytes) makes
// those of rows [first, first + count) as if they were a tensor of their own, in zeroed memory;
// scales that follow all panels are kept until then. The shape must fit the format. Throws
// Error(kInvalidArgument) if the chunks of a format with one scale for the tensor disagree on it.
void write_in_chunks(const Format& format, int64_t rows, int64_t cols,
                     const std::function<void(int64_t first, int64_t count, uint8_t* bytes)>& fill,
                     const ByteSink& sink);

}  // namespace onebit
