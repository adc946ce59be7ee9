#include "server/keys.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"

namespace onebit {

http::ApiKeys take_environment_keys() {
  constexpr char kName[] = "ONEBIT_API_KEYS";
  char* value = std::getenv(kName);
  if (value == nullptr) return {};
  std::string text = value;
  explicit_bzero(value, std::strlen(value));
  unsetenv(kName);
  // One a line, as in a file.
  std::ranges::replace_if(
      text, [](char c) { return c == ',' || c == ' ' || c == '\t'; }, '\n');
  if (text.starts_with('#') || text.find("\n#") != std::string::npos) {
    explicit_bzero(text.data(), text.size());
    throw Error(ErrorCode::kInvalidArgument,
                std::string(kName) + ": expected API keys, found one that begins with '#'");
  }
  http::ApiKeys keys = http::ApiKeys::from_text(text, kName);
  explicit_bzero(text.data(), text.size());
  return keys;
}

}  // namespace onebit
