#include "text/unicode.h"

#include <algorithm>
#include <array>

#include "text/utf8.h"

namespace onebit {
namespace {

constexpr std::array<CharClass, 128> kAscii = [] {
  std::array<CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    const bool space = c == ' ' || (c >= 9 && c <= 13);
    const bool symbol =
        std::string_view("$+<=>^~|").find(static_cast<char>(c)) != std::string::npos;
    classes[static_cast<std::size_t>(c)] = letter               ? kLetter
                                           : digit              ? kNumber
                                           : space              ? kSpace
                                           : symbol             ? kAsciiSymbol
                                           : c == '`'           ? kBacktick
                                           : c > 32 && c != 127 ? kPunctuation
                                                                : kOther;
  }
  return classes;
}();

// Sorted; a class holds from its entry to the next. From U+0080.
constexpr uint32_t kRuns[] = {
#include "text/unicode_classes.inc"
};

// Where the search for code points of a block of 128 begins: kRuns is looked up for every character
// of most of the world's scripts.
constexpr uint32_t kBlockBits = 7;
constexpr auto kFirstRun = [] {
  std::array<uint16_t, (0x110000 >> kBlockBits) + 1> first{};
  std::size_t run = 0;
  for (std::size_t block = 1; block < first.size(); ++block) {
    while (run + 1 < std::size(kRuns) && kRuns[run + 1] >> 8 <= block << kBlockBits) ++run;
    first[block] = static_cast<uint16_t>(run);
  }
  return first;
}();

}  // namespace

CharClass char_class(char32_t code_point) {
  if (code_point < 128) return kAscii[code_point];
  const uint32_t block = static_cast<uint32_t>(code_point) >> kBlockBits;
  const uint32_t* first = kRuns + kFirstRun[block];
  const uint32_t* last = kRuns + kFirstRun[block + 1] + 1;
  // The last run that begins at or before the code point.
  const uint32_t* after =
      std::upper_bound(first, last, static_cast<uint32_t>(code_point) << 8 | 0xff);
  return static_cast<CharClass>(after[-1] & 0xff);
}

ClassifiedChar classify(std::string_view text, std::size_t at) {
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte < 0x80) return {kAscii[byte], 1};
  const uint32_t length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  return {char_class(utf8_code_point(text.substr(at, length))), length};
}

std::size_t end_of_run(std::string_view text, std::size_t at, unsigned classes) {
  while (at < text.size()) {
    const ClassifiedChar c = classify(text, at);
    if ((c.kind & classes) == 0) break;
    at += c.length;
  }
  return at;
}

std::size_t leading_space(std::string_view bytes) {
  std::size_t n = 0;
  while (n < bytes.size()) {
    const Utf8Head head = utf8_head(bytes.substr(n));
    if (head.kind != Utf8Head::kCharacter || classify(bytes, n).kind != kSpace) break;
    n += static_cast<std::size_t>(head.length);
  }
  return n;
}

std::size_t trailing_space(std::string_view bytes) {
  std::size_t begin = bytes.size();
  for (;;) {
    std::size_t at = begin;  // of the character before `begin`; white space has at most 3 bytes
    do {
      if (at == 0 || begin - at == 3) return bytes.size() - begin;
      --at;
    } while ((bytes[at] & 0xc0) == 0x80);
    if (leading_space(bytes.substr(at, begin - at)) != begin - at) return bytes.size() - begin;
    begin = at;
  }
}

}  // namespace onebit
