#include "text/byte_alphabet.h"

#include <array>

#include "text/utf8.h"

namespace onebit {
namespace {

constexpr bool is_printable(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

constexpr int kNumMoved = 68;

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<uint8_t, kNumMoved> moved{};  // the byte that U+0100 + i stands for
};

constexpr Alphabet kAlphabet = [] {
  Alphabet alphabet;
  std::size_t n_moved = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const auto b = static_cast<std::size_t>(byte);
    if (is_printable(byte)) {
      alphabet.character[b] = static_cast<char32_t>(byte);
    } else {
      alphabet.character[b] = static_cast<char32_t>(256 + n_moved);
      alphabet.moved[n_moved++] = static_cast<uint8_t>(byte);
    }
  }
  return alphabet;
}();

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, kAlphabet.character[static_cast<uint8_t>(byte)]);
  return text;
}

bool append_from_byte_alphabet(std::string_view text, std::string& bytes) {
  while (!text.empty()) {
    const Utf8Head head = utf8_head(text);
    if (head.kind != Utf8Head::kCharacter) return false;
    const std::string_view character = text.substr(0, static_cast<std::size_t>(head.length));
    const char32_t c = utf8_code_point(character);
    if (c < 256 && is_printable(static_cast<int>(c))) {
      bytes += static_cast<char>(c);
    } else if (c >= 256 && c < 256 + kNumMoved) {
      bytes += static_cast<char>(kAlphabet.moved[c - 256]);
    } else {
      bytes += character;
    }
    text.remove_prefix(character.size());
  }
  return true;
}

}  // namespace onebit
