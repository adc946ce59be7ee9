#include "io/gguf_layout.h"

#include <array>
#include <bit>

namespace onebit::gguf {
namespace {

constexpr std::array<const char*, kTypes> kTypeNames = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};

// Well-formed UTF-8 as of Unicode table 3-7: no overlong forms, surrogates or values past 10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned lead = at(i);
    std::size_t length = 1;
    unsigned low = 0x80;  // bounds of the second byte
    unsigned high = 0xbf;
    if (lead >= 0x80) {
      if (lead < 0xc2 || lead > 0xf4) return false;
      length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    }
    if (length > text.size() - i) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if (at(i + k) < low || at(i + k) > high) return false;
      low = 0x80;
      high = 0xbf;
    }
    i += length;
  }
  return true;
}

}  // namespace

const char* scalar_type_name(int32_t type) {
  return type >= 0 && type < kTypes ? kTypeNames[static_cast<std::size_t>(type)] : "unknown";
}

std::string type_name(const GgufValue& value) {
  const std::size_t index = value.index();
  if (index < kScalars) return scalar_type_name(scalar_type(index));
  return std::string("array of ") + scalar_type_name(scalar_type(index - kScalars));
}

const char* name_fault(std::string_view text, uint64_t max_bytes) {
  if (text.empty()) return "at least 1 byte";
  if (text.size() > max_bytes) {
    return max_bytes == kMaxKeyBytes ? "at most 256 bytes" : "at most 127 bytes";
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "no control character";
  }
  if (!is_utf8(text)) return "UTF-8";
  return nullptr;
}

bool is_valid_alignment(uint64_t alignment) {
  return std::has_single_bit(alignment) && alignment >= kMinAlignment && alignment <= kMaxAlignment;
}

}  // namespace onebit::gguf
