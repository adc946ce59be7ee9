// Classes of characters, as far as pre-tokenisers tell them apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace onebit {

// Each character has exactly one; a set of classes is the sum of its members.
enum CharClass : uint8_t {
  kLetter = 1,        // \p{L}
  kNumber = 2,        // \p{N}
  kMark = 4,          // \p{M}
  kPunctuation = 8,   // \p{P}
  kSpace = 16,        // White_Space (PropList.txt); not U+180E, which lost it in Unicode 6.3
  kOther = 32,        // anything else, unassigned code points too
  kAsciiSymbol = 64,  // $+<=>^~|
  kBacktick = 128,
};

inline constexpr const char* kUnicodeVersion = "14.0.0";  // of the tables

// `code_point` <= U+10FFFF.
CharClass char_class(char32_t code_point);

// Class and length in bytes of a character in valid UTF-8.
struct ClassifiedChar {
  CharClass kind;
  uint32_t length;
};
// The character at `text[at]`.
ClassifiedChar classify(std::string_view text, std::size_t at);

// The end of the run of characters from `at` on whose class is in `classes`.
std::size_t end_of_run(std::string_view text, std::size_t at, unsigned classes);

// Bytes of white space at the front and at the back of any bytes.
std::size_t leading_space(std::string_view bytes);
std::size_t trailing_space(std::string_view bytes);

}  // namespace onebit
