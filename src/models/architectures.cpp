#include "models/architectures.h"

#include <array>

#include "models/bitnet.h"

namespace onebit {
namespace {

// "bitnet-25" is the name under which the first 2B-4T file was published; same content.
constexpr std::array<Architecture, 2> kArchitectures = {{
    {"bitnet-b1.58", read_bitnet_config, make_bitnet},
    {"bitnet-25", read_bitnet_config, make_bitnet},
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
