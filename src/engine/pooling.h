// From the hidden states of a text to its vector.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "models/config.h"

namespace onebit {

enum class Pool { kLast, kMean };

// `name`: last, mean, or nothing for the model's. Throws Error(kInvalidArgument) "FIELD: expected
// last or mean ..." where the model has none and none is asked for.
Pool choose_pool(std::optional<std::string_view> name, const ModelConfig& config,
                 std::string_view field);

// Takes the rows of a text [n, width] after the output norm, in order.
class Pooler {
 public:
  Pooler(Pool pool, int64_t width) : pool_(pool), sum_(static_cast<std::size_t>(width)) {}
  void add(std::span<const float> rows);
  // Of length 1 (L2) [width]. Throws Error(kInvalidFile) for activations that are not finite.
  std::vector<float> vector() const;

 private:
  Pool pool_;
  std::vector<double> sum_;
};

}  // namespace onebit
