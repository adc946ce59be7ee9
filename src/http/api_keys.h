// Who may ask: API keys, kept as their SHA-256 only.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace onebit::http {

class ApiKeys {
 public:
  ApiKeys() = default;  // none: everybody may ask

  // One key a line; blank lines and lines that begin with '#' are left out. A key is 8 to 256
  // printable ASCII characters without a space. Throws Error(kInvalidArgument), which names
  // `source` and the line but never the text of a key; no key at all is an error too.
  static ApiKeys from_text(std::string_view text, const std::string& source);
  // The same from a file of at most 1 MB, which users other than its owner and group must not be
  // able to open.
  static ApiKeys from_file(const std::filesystem::path& path);

  bool empty() const { return hashes_.empty(); }

  // The tenant that `key` stands for, the hex digits of its hash; none for a wrong key. Takes the
  // same time for every key of the same length: all hashes are compared, each whole.
  std::optional<std::string> tenant(std::string_view key) const;

 private:
  using Hash = std::array<uint8_t, 32>;
  static Hash hash(std::string_view key);

  std::vector<Hash> hashes_;
};

}  // namespace onebit::http
