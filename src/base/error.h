// The one exception type of the library, and the check for programmer errors.
#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace onebit {

enum class ErrorCode {
  kInvalidFile,      // a file's bytes break its format
  kInvalidArgument,  // a request, flag or config value is out of range
  kUnsupported,      // well-formed, but not something this build can do
  kIo,               // the operating system failed
  kOutOfMemory,      // a size that was checked does not fit this machine
};

// Thrown for bad input and failed system calls. `what()` is one line that names the file, field or
// tensor, what was expected and what was found.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  ErrorCode code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

// "ACTION PATH: strerror(error)" as an Error: kInvalidArgument where the path that was asked for is
// wrong (none there, a folder, not permitted), kIo where the system failed.
[[noreturn]] void throw_errno(const std::string& action, const std::string& path,
                              int error = errno);

// `text` made safe for a one-line message: control bytes and bytes >= 0x7f as \xHH, at most
// `limit` characters of it. For names that come from files.
std::string quote(std::string_view text, std::size_t limit = 80);

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace onebit

// Programmer error: must be unreachable from input. Prints the condition and aborts.
#define ONEBIT_CHECK(condition)                                               \
  do {                                                                        \
    if (!(condition)) ::onebit::check_failed(#condition, __FILE__, __LINE__); \
  } while (0)
