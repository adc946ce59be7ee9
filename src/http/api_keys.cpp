#include "http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace onebit::http {
namespace {

constexpr std::size_t kMinLength = 8;
constexpr std::size_t kMaxLength = 256;
constexpr int64_t kMaxFileBytes = int64_t{1} << 20;

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
    line.remove_suffix(1);
  }
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return line;
}

bool is_key(std::string_view text) {
  return text.size() >= kMinLength && text.size() <= kMaxLength &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

ApiKeys::Hash ApiKeys::hash(std::string_view key) {
  Hash hash;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), hash.data());
  return hash;
}

ApiKeys ApiKeys::from_text(std::string_view text, const std::string& source) {
  ApiKeys keys;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (!is_key(line)) {
      throw Error(ErrorCode::kInvalidArgument,
                  source + ", line " + std::to_string(line_number) + ": expected an API key of " +
                      std::to_string(kMinLength) + " to " + std::to_string(kMaxLength) +
                      " printable ASCII characters without spaces, found " +
                      std::to_string(line.size()) + " bytes that are none");
    }
    keys.hashes_.push_back(hash(line));
  }
  if (keys.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                source + ": expected an API key on a line of its own, found none");
  }
  return keys;
}

ApiKeys ApiKeys::from_file(const std::filesystem::path& path) {
  const auto bytes = read_file(path, kMaxFileBytes);
  // The group may read: an access list (as systemd's credentials have) shows up in its bits.
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) throw_errno("open", path.string());
  if ((status.st_mode & S_IRWXO) != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                path.string() + ": expected a file that others cannot read (chmod 600), found " +
                    "permissions for everybody");
  }
  return from_text({reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(bytes.size())},
                   path.string());
}

std::optional<std::string> ApiKeys::tenant(std::string_view key) const {
  const Hash asked = hash(key);
  bool is_known = false;
  for (const Hash& known : hashes_) {
    is_known |= CRYPTO_memcmp(known.data(), asked.data(), asked.size()) == 0;
  }
  if (!is_known) return std::nullopt;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : asked) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace onebit::http
