#include "base/error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace onebit {

void throw_errno(const std::string& action, const std::string& path, int error) {
  constexpr int kWrongPath[] = {ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG};
  const bool is_request = std::ranges::find(kWrongPath, error) != std::end(kWrongPath);
  throw Error(is_request ? ErrorCode::kInvalidArgument : ErrorCode::kIo,
              action + " " + path + ": " + std::strerror(error));
}

std::string quote(std::string_view text, std::size_t limit) {
  std::string out = "'";
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    }
  }
  return out + (text.size() > limit ? "...'" : "'");
}

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace onebit
