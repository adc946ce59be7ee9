// Sets of characters, as code points and as the bytes of UTF-8.
#pragma once

#include <cstdint>
#include <vector>

namespace onebit {

struct CodeRange {
  char32_t first;
  char32_t last;  // included
  friend bool operator==(const CodeRange&, const CodeRange&) = default;
};

// Ascending and disjoint, without surrogates, which no UTF-8 has.
using CodeRanges = std::vector<CodeRange>;

inline constexpr char32_t kLastCodePoint = 0x10ffff;

// The same characters in the form of CodeRanges; each range needs first <= last <= kLastCodePoint.
CodeRanges normalised(std::vector<CodeRange> ranges);
// All other characters.
CodeRanges complement(const CodeRanges& ranges);
// The characters of both.
CodeRanges intersection(const CodeRanges& a, const CodeRanges& b);

struct ByteSpan {
  uint8_t first;
  uint8_t last;  // included
  friend auto operator<=>(const ByteSpan&, const ByteSpan&) = default;
};

// Strings of 1..4 bytes: one out of each span, in order.
using ByteSpans = std::vector<ByteSpan>;

// The UTF-8 of `ranges` as the fewest products of byte ranges that cover exactly it.
std::vector<ByteSpans> utf8_spans(const CodeRanges& ranges);

}  // namespace onebit
