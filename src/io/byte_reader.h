// Reads little-endian fields from bytes that nobody has vetted. The one way into foreign bytes for
// every parser of this folder: each read checks what is left first, and no count is believed before
// the bytes that it promises are known to be there.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace onebit {

static_assert(std::endian::native == std::endian::little, "fields are copied, not swapped");

class ByteReader {
 public:
  // `file` begins every message; `end` says what the last of `bytes` is, e.g. "end of file".
  ByteReader(std::span<const uint8_t> bytes, std::string file, std::string end = "end of file")
      : bytes_(bytes), file_(std::move(file)), end_(std::move(end)) {}

  // What the next reads are about, e.g. "kv 3 (general.alignment)"; their field names follow it.
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  uint64_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }

  // The next `count` bytes.
  std::span<const uint8_t> take(uint64_t count, const char* field) {
    if (count > left()) [[unlikely]] {
      fail(field, std::to_string(count) + " bytes", std::to_string(left()) + " before " + end_);
    }
    const auto result = bytes_.subspan(position_, count);
    position_ += count;
    return result;
  }

  template <typename T>
  T read(const char* field) {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    T value;
    std::memcpy(&value, take(sizeof(T), field).data(), sizeof(T));
    return value;
  }

  std::string_view text(uint64_t size, const char* field) {
    const auto bytes = take(size, field);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // Refuses a count of elements of at least `min_bytes` (> 0) each that the bytes left cannot hold.
  void expect_room(uint64_t count, uint64_t min_bytes, const char* field) const {
    if (count > left() / min_bytes) [[unlikely]] {
      fail(field, "at most " + std::to_string(left() / min_bytes) + " before " + end_,
           std::to_string(count));
    }
  }

  // Error(kInvalidFile) "FILE: SUBJECT: FIELD: expected X, found Y".
  [[noreturn]] void fail(std::string_view field, std::string_view expected, std::string_view found,
                         ErrorCode code = ErrorCode::kInvalidFile) const {
    std::string message = file_ + ": ";
    if (!subject_.empty()) message += subject_ + ": ";
    message.append(field).append(": expected ").append(expected).append(", found ").append(found);
    throw Error(code, std::move(message));
  }

 private:
  std::span<const uint8_t> bytes_;
  std::string file_;
  std::string end_;
  std::string subject_;
  uint64_t position_ = 0;
};

}  // namespace onebit
