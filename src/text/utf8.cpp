#include "text/utf8.h"

#include <cstring>

namespace onebit {
namespace {

uint8_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<uint8_t>(bytes[i]);
}

// One row of table 3-7: the length of the character and the range of its second byte. All later
// bytes are 80..BF. length 0: the byte begins no character.
struct Lead {
  int length;
  uint8_t low;
  uint8_t high;
};

Lead lead(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xc2) return {0, 0, 0};
  if (byte < 0xe0) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte < 0xf0) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte < 0xf4) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

Utf8Head utf8_head(std::string_view bytes) {
  const auto [length, low, high] = lead(byte_at(bytes, 0));
  if (length == 0) return {Utf8Head::kInvalid, 1};
  for (int i = 1; i < length; ++i) {
    if (static_cast<std::size_t>(i) == bytes.size()) return {Utf8Head::kIncomplete, i};
    const uint8_t byte = byte_at(bytes, static_cast<std::size_t>(i));
    const bool continues = i == 1 ? byte >= low && byte <= high : (byte & 0xc0) == 0x80;
    if (!continues) return {Utf8Head::kInvalid, i};
  }
  return {Utf8Head::kCharacter, length};
}

char32_t utf8_code_point(std::string_view character) {
  const uint8_t first = byte_at(character, 0);
  if (first < 0x80) return first;
  char32_t value = first & (0x7fu >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i) {
    value = value << 6 | (byte_at(character, i) & 0x3fu);
  }
  return value;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto tail = [&](int shift) {
    out += static_cast<char>(0x80 | (code_point >> shift & 0x3f));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xc0 | code_point >> 6);
    tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xe0 | code_point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | code_point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t utf8_valid_prefix(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    uint64_t eight;
    if (bytes.size() - i >= sizeof(eight)) {  // most text is runs of ASCII
      std::memcpy(&eight, bytes.data() + i, sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        i += sizeof(eight);
        continue;
      }
    }
    const Utf8Head head = utf8_head(bytes.substr(i));
    if (head.kind != Utf8Head::kCharacter) break;
    i += static_cast<std::size_t>(head.length);
  }
  return i;
}

}  // namespace onebit
