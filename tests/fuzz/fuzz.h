// What every fuzz target here does: input in, an Error of one line or nothing out. libFuzzer
// reports the rest (crashes, sanitizers, time, memory).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "base/aligned_buffer.h"
#include "base/error.h"

namespace onebit::fuzz {

// Broken promises end the process, as libFuzzer expects.
inline void require(bool condition) {
  if (!condition) std::abort();
}

inline std::string_view text(const uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline AlignedBuffer<uint8_t> buffer(const uint8_t* data, std::size_t size) {
  AlignedBuffer<uint8_t> copy(static_cast<int64_t>(size));
  if (size > 0) std::memcpy(copy.data(), data, size);
  return copy;
}

// Runs `parse`; any exception but Error escapes and is a finding.
template <typename Parse>
void expect_error_or_success(Parse parse) {
  try {
    parse();
  } catch (const Error& e) {
    const std::string_view message = e.what();
    require(!message.empty() && message.find('\n') == std::string_view::npos);
    require(e.code() != ErrorCode::kIo && e.code() != ErrorCode::kOutOfMemory);
  }
}

// The sanitizers see a span that leaves the file.
inline void touch(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  const volatile uint8_t first = bytes.front();
  const volatile uint8_t last = bytes.back();
  (void)first, (void)last;
}

}  // namespace onebit::fuzz
