// Template source to tokens, with Jinja2's whitespace control as chat templates are rendered:
// trim_blocks and lstrip_blocks on, one newline at the end of the source dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onebit::jinja {

struct Token {
  enum Kind {
    kText,        // template text outside of tags
    kPrintBegin,  // {{
    kPrintEnd,
    kTagBegin,  // {%
    kTagEnd,
    kName,
    kString,  // `text` is unescaped
    kInteger,
    kFloat,
    kOperator,
    kEnd,  // of the source
  };
  Kind kind;
  std::string text;
  int line;
};

// Throws Error(kInvalidFile) that names the line. The last token is kEnd.
std::vector<Token> tokenize(std::string_view source);

// "template line N: what" as an Error(kInvalidFile).
[[noreturn]] void syntax_error(int line, const std::string& what);

}  // namespace onebit::jinja
