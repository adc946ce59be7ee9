#include "grammar/code_ranges.h"

#include <algorithm>
#include <string>

#include "text/utf8.h"

namespace onebit {
namespace {

constexpr char32_t kBeforeSurrogates = 0xd7ff;
constexpr char32_t kAfterSurrogates = 0xe000;

// [first, last] has characters of one length in UTF-8. Cut until all but the first byte that
// differs run over whole ranges of what follows.
void split(char32_t first, char32_t last, std::vector<ByteSpans>& out) {
  std::string a;
  append_utf8(a, first);
  for (std::size_t i = 1; i < a.size(); ++i) {
    const char32_t low = (char32_t{1} << (6 * i)) - 1;  // the bits of the last i bytes
    if ((first & ~low) == (last & ~low)) continue;
    if ((first & low) != 0) {
      split(first, first | low, out);
      split((first | low) + 1, last, out);
      return;
    }
    if ((last & low) != low) {
      split(first, (last & ~low) - 1, out);
      split(last & ~low, last, out);
      return;
    }
  }
  std::string b;
  append_utf8(b, last);
  ByteSpans spans;
  for (std::size_t i = 0; i < a.size(); ++i) {
    spans.push_back({static_cast<uint8_t>(a[i]), static_cast<uint8_t>(b[i])});
  }
  out.push_back(std::move(spans));
}

}  // namespace

CodeRanges normalised(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> whole;
  for (const CodeRange& r : ranges) {  // without surrogates
    if (r.first <= kBeforeSurrogates) {
      whole.push_back({r.first, std::min(r.last, kBeforeSurrogates)});
    }
    if (r.last >= kAfterSurrogates) {
      whole.push_back({std::max(r.first, kAfterSurrogates), r.last});
    }
  }
  std::sort(whole.begin(), whole.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  CodeRanges merged;
  for (const CodeRange& r : whole) {
    if (!merged.empty() && r.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, r.last);
    } else {
      merged.push_back(r);
    }
  }
  return merged;
}

CodeRanges complement(const CodeRanges& ranges) {
  std::vector<CodeRange> others;
  char32_t next = 0;
  for (const CodeRange& r : ranges) {
    if (r.first > next) others.push_back({next, static_cast<char32_t>(r.first - 1)});
    next = r.last + 1;
  }
  if (next <= kLastCodePoint) others.push_back({next, kLastCodePoint});
  return normalised(std::move(others));
}

CodeRanges intersection(const CodeRanges& a, const CodeRanges& b) {
  CodeRanges both;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const CodeRange common{std::max(a[i].first, b[j].first), std::min(a[i].last, b[j].last)};
    if (common.first <= common.last) both.push_back(common);
    a[i].last < b[j].last ? ++i : ++j;
  }
  return both;
}

std::vector<ByteSpans> utf8_spans(const CodeRanges& ranges) {
  constexpr CodeRange kLengths[] = {
      {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xffff}, {0x10000, kLastCodePoint}};
  std::vector<ByteSpans> out;
  for (const CodeRange& r : ranges) {
    for (const CodeRange& length : kLengths) {
      const char32_t first = std::max(r.first, length.first);
      const char32_t last = std::min(r.last, length.last);
      if (first <= last) split(first, last, out);
    }
  }
  return out;
}

}  // namespace onebit
