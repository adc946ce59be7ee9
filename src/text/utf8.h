// UTF-8 as the Unicode standard defines it (15.0, section 3.9, table 3-7): no overlong forms, no
// surrogates, nothing above U+10FFFF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace onebit {

// What a byte string begins with.
struct Utf8Head {
  enum Kind {
    kCharacter,   // a whole character of `length` bytes, 1..4
    kInvalid,     // a maximal invalid subpart of `length` bytes, 1..3: one U+FFFD stands for it
    kIncomplete,  // all `length` bytes, 1..3, begin a character that more bytes could complete
  };
  Kind kind;
  int length;
};

// The head of `bytes`, which must not be empty.
Utf8Head utf8_head(std::string_view bytes);

// The code point of one whole character, as kCharacter found it.
char32_t utf8_code_point(std::string_view character);

// Appends a code point <= U+10FFFF that is not a surrogate.
void append_utf8(std::string& out, char32_t code_point);

// The number of leading bytes that are whole characters.
std::size_t utf8_valid_prefix(std::string_view bytes);

inline constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";  // U+FFFD

}  // namespace onebit
