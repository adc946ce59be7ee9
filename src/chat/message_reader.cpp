#include "chat/message_reader.h"

#include <string_view>
#include <utility>

#include "base/error.h"

namespace onebit {
namespace {

constexpr std::string_view kBlock = "\"\"\"";

}  // namespace

MessageReader::MessageReader(std::istream& in, std::function<void(bool goes_on)> prompt)
    : in_(in), prompt_(std::move(prompt)) {}

bool MessageReader::read_line(bool goes_on, std::size_t used, std::string& line) {
  prompt_(goes_on);
  line.clear();
  std::streambuf& bytes = *in_.rdbuf();
  using Traits = std::streambuf::traits_type;
  for (;;) {
    const auto next = bytes.sbumpc();
    if (next == Traits::eof()) {
      in_.setstate(line.empty() ? std::ios::eofbit | std::ios::failbit : std::ios::eofbit);
      return !line.empty();
    }
    const char c = Traits::to_char_type(next);
    if (c == '\n') break;
    if (used + line.size() >= kMaxBytes) {
      throw Error(ErrorCode::kInvalidArgument,
                  "message: expected at most " + std::to_string(kMaxBytes) + " bytes, found more");
    }
    line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

std::optional<std::string> MessageReader::next() {
  std::string message;
  std::string line;
  if (!read_line(false, 0, line)) return std::nullopt;
  if (line.starts_with(kBlock)) {
    line.erase(0, kBlock.size());
    while (!line.ends_with(kBlock)) {
      message += line + '\n';
      if (!read_line(true, message.size(), line)) line = kBlock;
    }
    message += line.substr(0, line.size() - kBlock.size());
    if (message.ends_with('\n')) message.pop_back();
    if (message.starts_with('\n')) message.erase(0, 1);
    return message;
  }
  while (line.ends_with('\\')) {
    line.back() = '\n';
    message += line;
    if (!read_line(true, message.size(), line)) return message;
  }
  return message + line;
}

}  // namespace onebit
