// For tests: cuts text as a regular expression says, with PCRE2.
#pragma once

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace onebit {

// Rewrites `\s` and `\S` to the White_Space class of PropList.txt. PCRE2's own `\s` also matches
// U+180E, which lost that property in Unicode 6.3 and which no tokeniser treats as space.
inline std::string with_unicode_white_space(std::string_view pattern) {
  const std::string white =
      "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
      "\\x{205f}\\x{3000}";
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    if (c == '\\' && pattern[i + 1] == 's') {
      out += in_class ? white : "[" + white + "]";
      ++i;
    } else if (c == '\\' && pattern[i + 1] == 'S') {
      out += "[^" + white + "]";
      ++i;
    } else if (c == '\\') {
      out += {c, pattern[++i]};
    } else {
      out += c;
    }
  }
  return out;
}

class RegexOracle {
 public:
  explicit RegexOracle(std::string_view pattern) {
    const std::string text = with_unicode_white_space(pattern);
    int error = 0;
    PCRE2_SIZE at = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                          PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &error, &at, nullptr);
    if (code_ == nullptr) throw std::runtime_error("bad pattern: " + text);
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
    data_ = pcre2_match_data_create(1, nullptr);
  }
  RegexOracle(const RegexOracle&) = delete;
  RegexOracle& operator=(const RegexOracle&) = delete;
  ~RegexOracle() {
    pcre2_match_data_free(data_);
    pcre2_code_free(code_);
  }

  bool matches(std::string_view text) const {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                       PCRE2_NO_UTF_CHECK, data_, nullptr) > 0;
  }

  // The matches in valid UTF-8 and the gaps between them.
  std::vector<std::string_view> split(std::string_view text) const {
    std::vector<std::string_view> pieces;
    std::size_t done = 0;
    while (done < text.size() &&
           pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), done,
                       PCRE2_NO_UTF_CHECK, data_, nullptr) > 0) {
      const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data_);
      if (match[0] > done) pieces.push_back(text.substr(done, match[0] - done));
      pieces.push_back(text.substr(match[0], match[1] - match[0]));
      done = match[1];
    }
    if (done < text.size()) pieces.push_back(text.substr(done));
    return pieces;
  }

 private:
  pcre2_code* code_;
  pcre2_match_data* data_;
};

}  // namespace onebit
