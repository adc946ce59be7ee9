// Python's string functions on marked strings: what methods and filters share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "jinja/runtime.h"

namespace onebit::jinja {

// As std::string's find and rfind, in time that no `what` makes quadratic, and charged.
std::size_t find(Runtime& runtime, std::string_view text, std::string_view what,
                 std::size_t start = 0);
std::size_t rfind(Runtime& runtime, std::string_view text, std::string_view what,
                  std::size_t start = std::string_view::npos);

enum class Sides { kBoth, kLeft, kRight };
// Without the characters of `chars` (white space if null) at its ends.
MarkedString strip(Runtime& runtime, const MarkedString& text, const MarkedString* chars,
                   Sides sides = Sides::kBoth);

// The parts between `separator`s (runs of white space if null), at most `limit` cuts if it is not
// negative, made from the left or from the right.
std::vector<Value> split(Runtime& runtime, const MarkedString& text, const MarkedString* separator,
                         int64_t limit, bool from_right);
std::vector<Value> split_lines(Runtime& runtime, const MarkedString& text, bool keep_ends);

// The first `limit` (all if negative) occurrences of `from` become `to`.
MarkedString replace(Runtime& runtime, const MarkedString& text, const MarkedString& from,
                     const MarkedString& to, int64_t limit = -1);

enum class Case { kUpper, kLower, kSwap, kCapitalize, kTitle };
// kTitle: str.title, a word begins after any character that is no letter.
MarkedString change_case(Runtime& runtime, const MarkedString& text, Case to);

// str() of all items with `separator` between them; `strings_only`: fails for other items.
MarkedString join(Runtime& runtime, const MarkedString& separator, const std::vector<Value>& items,
                  bool strings_only);

// text * count.
MarkedString repeat(Runtime& runtime, const MarkedString& text, std::size_t count);

// `left` + text + `right`, with that many copies of one character.
MarkedString pad(Runtime& runtime, const MarkedString& text, int64_t left, int64_t right,
                 std::string_view fill = " ");

// template % values: %s %r %d %i %u %f %x %o %c %% with flags, width and precision.
Value format_percent(Runtime& runtime, const MarkedString& text, const std::vector<Value>& values);

}  // namespace onebit::jinja
