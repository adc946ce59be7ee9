#include "models/architectures.h"

#include <array>

namespace onebit {
namespace {

constexpr std::array<Architecture, 6> kArchitectures = {{
    {"bitnet-b1.58", read_bitnet_b158_config},
    {"bitnet-25", read_bitnet_b158_config},  // 2B-4T as it was published first; same content
    {"bitnet", read_bitnet_config},
    {"llama", read_llama_config},
    {"qwen3", read_qwen3_config},
    {"gemma3", read_gemma3_config},
}};

}  // namespace

std::span<const Architecture> architectures() {
  return kArchitectures;
}

const Architecture& find_architecture(std::string_view name) {
  std::string known;
  for (const auto& architecture : kArchitectures) {
    if (name == architecture.name) return architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
  }
  throw Error(ErrorCode::kUnsupported,
              "general.architecture: expected one of " + known + ", found " + quote(name));
}

}  // namespace onebit
