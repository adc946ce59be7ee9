// The architectures this build knows.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "io/gguf.h"
#include "models/model.h"
#include "models/weight_source.h"

namespace onebit {

struct Architecture {
  const char* name;  // general.architecture
  ModelConfig (*read_config)(const GgufMetadata& metadata);
  std::unique_ptr<Model> (*make)(const ModelConfig& config, WeightSource& weights, int64_t context);
};

std::span<const Architecture> architectures();

// Throws Error(kUnsupported) that lists the known names.
const Architecture& find_architecture(std::string_view name);

}  // namespace onebit
