// The architectures this build knows: how each reads its metadata. What it computes is the
// decoder's (models/decoder.h), by the choices in ModelConfig.
#pragma once

#include <span>
#include <string_view>

#include "io/gguf.h"
#include "models/config.h"

namespace onebit {

struct Architecture {
  const char* name;  // general.architecture
  ModelConfig (*read_config)(const GgufMetadata& metadata);
};

std::span<const Architecture> architectures();

// Throws Error(kUnsupported) that lists the known names.
const Architecture& find_architecture(std::string_view name);

// One file each.
ModelConfig read_bitnet_b158_config(const GgufMetadata& metadata);
ModelConfig read_bitnet_config(const GgufMetadata& metadata);
ModelConfig read_llama_config(const GgufMetadata& metadata);
ModelConfig read_qwen3_config(const GgufMetadata& metadata);
ModelConfig read_gemma3_config(const GgufMetadata& metadata);

}  // namespace onebit
