// What a person types, or a script pipes, as messages.
#pragma once

#include <cstddef>
#include <functional>
#include <istream>
#include <optional>
#include <string>

namespace onebit {

// A line is a message. A line that ends in a backslash goes on in the next one. A line that begins
// with """ starts a block, which ends with a line that ends in """; the line ends between are kept.
class MessageReader {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

  // `prompt` is called before each line, with true if it goes on with a message.
  MessageReader(std::istream& in, std::function<void(bool goes_on)> prompt);

  // The next message; nullopt at the end of the input, which also ends an open block. Throws
  // Error(kInvalidArgument) for more than kMaxBytes.
  std::optional<std::string> next();

 private:
  bool read_line(bool goes_on, std::size_t used, std::string& line);

  std::istream& in_;
  std::function<void(bool goes_on)> prompt_;
};

}  // namespace onebit
