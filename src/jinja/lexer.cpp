#include "jinja/lexer.h"

#include <algorithm>

#include "base/error.h"
#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

// Line ends become \n; one at the end is dropped (keep_trailing_newline is off).
std::string normalise(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit_byte(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit_byte(c) ||
         static_cast<unsigned char>(c) >= 0x80;
}
int hex_value(char c) {
  if (is_digit_byte(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalise(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = find_tag(at_);
      if (tag == std::string::npos) {
        push(Token::kText, source_.substr(at_));
        move_to(source_.size());
        break;
      }
      const std::size_t text_begin = at_;
      const char kind = source_[tag + 1];
      const std::size_t inside = tag + 2;
      const char sign = char_at(inside) == '-' || char_at(inside) == '+' ? source_[inside] : ' ';
      emit_text(text_begin, tag, sign, kind != '{');
      move_to(inside + (sign != ' '));
      if (kind == '#') {
        skip_comment();
      } else if (kind == '%' && try_raw()) {
        // done
      } else {
        push(kind == '{' ? Token::kPrintBegin : Token::kTagBegin, "");
        lex_expression(kind == '{' ? '}' : '%');
      }
    }
    push(Token::kEnd, "");
    return std::move(tokens_);
  }

 private:
  char char_at(std::size_t at) const { return at < source_.size() ? source_[at] : '\0'; }
  bool has(std::size_t at, std::string_view what) const {
    return source_.compare(at, what.size(), what) == 0;
  }

  void move_to(std::size_t at) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    at_ = at;
  }

  void push(Token::Kind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), line_});
  }

  std::size_t find_tag(std::size_t from) const {
    for (std::size_t at = from;; ++at) {
      at = source_.find('{', at);
      if (at == std::string::npos) return at;
      const char next = char_at(at + 1);
      if (next == '{' || next == '%' || next == '#') return at;
    }
  }

  // The text before a tag. `-` strips all white space; lstrip_blocks strips the blanks between the
  // start of the line and a tag or comment, unless `+` forbids it.
  void emit_text(std::size_t begin, std::size_t end, char sign, bool is_block) {
    const std::string_view text = std::string_view(source_).substr(begin, end - begin);
    std::size_t keep = text.size();
    if (sign == '-') {
      keep = skip_space_back(text, keep);
    } else if (sign != '+' && is_block) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
      const bool at_line_start = line_begin > 0 || begin == 0 || source_[begin - 1] == '\n';
      if (at_line_start && skip_space(text, line_begin) == text.size()) keep = line_begin;
    }
    if (keep > 0) push(Token::kText, std::string(text.substr(0, keep)));
  }

  // Behind the closing bytes of a tag that had `sign` before them.
  void end_tag(std::size_t behind, char sign, bool is_block) {
    if (sign == '-') {
      behind = skip_space(source_, behind);
    } else if (sign != '+' && is_block && char_at(behind) == '\n') {
      ++behind;  // trim_blocks
    }
    move_to(behind);
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) syntax_error(line_, "comment without end");
    const char sign = end > at_ ? source_[end - 1] : ' ';
    end_tag(end + 2, sign, true);
  }

  // {% raw %} ... {% endraw %}, at_ being behind "{%-": false if the tag is another one.
  bool try_raw() {
    std::size_t at = skip_space(source_, at_);
    if (!has(at, "raw")) return false;
    at = skip_space(source_, at + 3);
    const bool strip = char_at(at) == '-';
    if (!has(at + strip, "%}")) return false;
    at += strip + 2u;
    if (strip) at = skip_space(source_, at);
    const std::size_t content = at;
    for (;; ++at) {
      at = source_.find("{%", at);
      if (at == std::string::npos) syntax_error(line_, "{% raw %} without {% endraw %}");
      const char begin_sign =
          char_at(at + 2) == '-' || char_at(at + 2) == '+' ? source_[at + 2] : ' ';
      std::size_t end = skip_space(source_, at + 2 + (begin_sign != ' '));
      if (!has(end, "endraw")) continue;
      end = skip_space(source_, end + 6);
      const char end_sign = char_at(end) == '-' || char_at(end) == '+' ? source_[end] : ' ';
      end += end_sign != ' ';
      if (!has(end, "%}")) continue;
      emit_text(content, at, begin_sign, true);
      end_tag(end + 2, end_sign, true);
      return true;
    }
  }

  // Up to the closing "}}" or "%}" that is not inside brackets.
  void lex_expression(char close) {
    const bool is_block = close == '%';
    const std::string closing{close, '}'};
    std::string brackets;
    for (;;) {
      move_to(skip_space(source_, at_));
      if (at_ >= source_.size()) syntax_error(line_, "tag without end");
      if (brackets.empty()) {
        const char c = source_[at_];
        const char sign = c == '-' || (c == '+' && is_block) ? c : ' ';
        const std::size_t at = at_ + (sign != ' ');
        if (has(at, closing)) {
          push(is_block ? Token::kTagEnd : Token::kPrintEnd, "");
          end_tag(at + 2, sign, is_block);
          return;
        }
      }
      const char c = source_[at_];
      if (is_digit_byte(c)) {
        lex_number();
      } else if (is_name_byte(c)) {
        std::size_t end = at_;
        while (end < source_.size() && is_name_byte(source_[end])) ++end;
        push(Token::kName, source_.substr(at_, end - at_));
        move_to(end);
      } else if (c == '\'' || c == '"') {
        lex_string(c);
      } else {
        lex_operator(brackets);
      }
    }
  }

  void lex_number() {
    std::string digits;
    std::size_t at = at_;
    const auto take_digits = [&] {
      while (is_digit_byte(char_at(at)) || (char_at(at) == '_' && is_digit_byte(char_at(at + 1)))) {
        if (source_[at] != '_') digits += source_[at];
        ++at;
      }
    };
    take_digits();
    bool is_float = false;
    // After a dot it is an index ("x.0.1"), never a fraction.
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_dot && char_at(at) == '.' && is_digit_byte(char_at(at + 1))) {
      is_float = true;
      digits += '.';
      ++at;
      take_digits();
    }
    if (!after_dot && (char_at(at) == 'e' || char_at(at) == 'E')) {
      const std::size_t sign = char_at(at + 1) == '+' || char_at(at + 1) == '-';
      if (is_digit_byte(char_at(at + 1 + sign))) {
        is_float = true;
        digits += source_.substr(at, 1 + sign);
        at += 1 + sign;
        take_digits();
      }
    }
    push(is_float ? Token::kFloat : Token::kInteger, digits);
    move_to(at);
  }

  void lex_string(char quote_char) {
    std::size_t at = at_ + 1;
    std::string text;
    for (; char_at(at) != quote_char; ++at) {
      if (at >= source_.size()) syntax_error(line_, "string without end");
      if (source_[at] != '\\') {
        text += source_[at];
        continue;
      }
      if (++at >= source_.size()) syntax_error(line_, "string without end");
      at = unescape(at, text);
    }
    push(Token::kString, std::move(text));
    move_to(at + 1);
  }

  // Python's escapes, `at` being behind the backslash. Returns the last offset of the escape.
  std::size_t unescape(std::size_t at, std::string& text) const {
    static constexpr std::string_view kCodes = "abfnrtv\\'\"";
    static constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\'\"";
    const char c = source_[at];
    if (c == '\n') return at;
    if (const auto code = kCodes.find(c); code != std::string_view::npos) {
      text += kBytes[code];
      return at;
    }
    if (c >= '0' && c <= '7') {
      char32_t value = 0;
      std::size_t end = at;
      for (; end < at + 3 && char_at(end) >= '0' && char_at(end) <= '7'; ++end) {
        value = value * 8 + static_cast<char32_t>(source_[end] - '0');
      }
      append_code_point(text, value);
      return end - 1;
    }
    const std::size_t length = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (length == 0) {  // not an escape: both characters stay
      text += '\\';
      text += c;
      return at;
    }
    char32_t value = 0;
    for (std::size_t i = 1; i <= length; ++i) {
      const int digit = hex_value(char_at(at + i));
      if (digit < 0) syntax_error(line_, "expected hexadecimal digits in a string escape");
      value = value << 4 | static_cast<char32_t>(digit);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
      syntax_error(line_, "string escape is not a character");
    }
    append_code_point(text, value);
    return at + length;
  }

  void lex_operator(std::string& brackets) {
    static constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view kOne = "+-*/%~[](){}><=.:|,;";
    std::size_t length = 1;
    for (const auto two : kTwo) {
      if (has(at_, two)) length = 2;
    }
    const char c = source_[at_];
    if (length == 1 && kOne.find(c) == std::string_view::npos) {
      syntax_error(line_, "unexpected character " + quote(source_.substr(at_, 1)));
    }
    if (c == '(' || c == '[' || c == '{') {
      brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty() || brackets.back() != c) {
        syntax_error(line_, "unexpected " + quote(source_.substr(at_, 1)));
      }
      brackets.pop_back();
    }
    push(Token::kOperator, source_.substr(at_, length));
    move_to(at_ + length);
  }

  const std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

void syntax_error(int line, const std::string& what) {
  throw Error(ErrorCode::kInvalidFile, "template line " + std::to_string(line) + ": " + what);
}

}  // namespace onebit::jinja
