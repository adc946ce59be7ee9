#include "http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/error.h"

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

// Characters that are overwritten when they are not needed any more.
struct Wiped : std::vector<char> {
  using std::vector<char>::vector;
  ~Wiped() { OPENSSL_cleanse(data(), size()); }
};

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
  // Asked of the open file: its name may be another's in between.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             std::fclose);
  struct stat status;
  if (!file || ::fstat(::fileno(file.get()), &status) != 0) throw_errno("open", path.string());
  // The group may read: an access list (as systemd's credentials have) shows up in its bits.
  if ((status.st_mode & S_IRWXO) != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                path.string() + ": expected a file that others cannot read (chmod 600), found " +
                    "permissions for everybody");
  }
  if (!S_ISREG(status.st_mode) || status.st_size > kMaxFileBytes) {
    throw Error(ErrorCode::kInvalidArgument, path.string() + ": expected a file of at most " +
                                                 std::to_string(kMaxFileBytes) + " bytes");
  }
  Wiped text(static_cast<std::size_t>(status.st_size));
  std::setbuf(file.get(), nullptr);  // no copy but this
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get())) throw_errno("read", path.string());
  return from_text({text.data(), size}, path.string());
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
