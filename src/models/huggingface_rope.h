// The rotary embedding as config.json describes it.
#pragma once

#include <cstdint>
#include <vector>

#include "vocab/json_cursor.h"

namespace onebit {

struct HuggingfaceRope {
  float theta = 10000;
  float local_theta = 10000;    // of layers with a sliding window
  float scale = 1;              // positions are divided by it ("linear")
  std::vector<float> divisors;  // [head_dim / 2] of the frequencies ("llama3"); empty: none
};

// From rope_theta, rope_local_base_freq and rope_scaling, or from the rope_parameters that replace
// them in transformers 5. `theta` stands where there is none. Throws Error(kInvalidFile |
// kUnsupported) that names the field.
HuggingfaceRope read_rope(const JsonCursor& root, int64_t head_dim, double theta);

}  // namespace onebit
