#include "grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "text/utf8.h"

namespace onebit {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Grammar parse() {
    if (text_.size() > kMaxGbnfBytes) {
      throw Error(ErrorCode::kInvalidArgument, name_ + ": expected at most " +
                                                   std::to_string(kMaxGbnfBytes) +
                                                   " bytes, found " + std::to_string(text_.size()));
    }
    if (const std::size_t valid = utf8_valid_prefix(text_); valid < text_.size()) {
      at_ = valid;
      fail("UTF-8");
    }
    try {
      for (skip(true); at_ < text_.size(); skip(true)) parse_rule();
    } catch (const Error& error) {
      if (located_) throw;
      throw Error(error.code(), place() + error.what());  // a limit of Grammar
    }
    for (const auto& [rule_name, rule] : rules_) {
      if (grammar_.rules()[rule.id].body != Grammar::kUndefined) continue;
      at_ = rule.first_use;
      fail("the name of a rule", quote(rule_name));
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) fail("a rule 'root'", "none");
    grammar_.root = root->second.id;
    return std::move(grammar_);
  }

 private:
  struct RuleUse {
    Grammar::Rule id;
    std::size_t first_use;
  };

  std::string place() const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
    return name_ + ": line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
  }

  std::string found() const {
    if (at_ >= text_.size()) return "the end";
    if (text_[at_] == '\n' || text_[at_] == '\r') return "the end of the line";
    const Utf8Head head = utf8_head(text_.substr(at_));
    return quote(text_.substr(at_, static_cast<std::size_t>(head.length)));
  }

  [[noreturn]] void fail(const std::string& expected) { fail(expected, found()); }
  [[noreturn]] void fail(const std::string& expected, const std::string& what) {
    located_ = true;
    throw Error(ErrorCode::kInvalidArgument, place() + "expected " + expected + ", found " + what);
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Spaces and comments, with `lines` newlines too.
  void skip(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string parse_name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    if (at_ == begin) fail("the name of a rule");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Grammar::Rule rule_named(const std::string& name, std::size_t where) {
    const auto known = rules_.find(name);
    if (known != rules_.end()) return known->second.id;
    const Grammar::Rule id = grammar_.declare(name);
    rules_.emplace(name, RuleUse{id, where});
    return id;
  }

  void parse_rule() {
    const std::size_t begin = at_;
    const std::string name = parse_name();
    const Grammar::Rule rule = rule_named(name, begin);
    if (grammar_.rules()[rule].body != Grammar::kUndefined) {
      at_ = begin;
      fail("a new rule", "a second " + quote(name));
    }
    skip(false);
    if (text_.substr(at_, 3) != "::=") fail("'::='");
    at_ += 3;
    skip(true);
    const auto body = parse_choice(0);
    grammar_.define(rule, body);
    if (at_ < text_.size() && peek() != '\n' && peek() != '\r') fail("the end of the rule");
  }

  // Alternatives up to ')' or, outside of groups, a line that does not begin with '|'.
  Grammar::Expression parse_choice(int nesting) {
    if (nesting > Grammar::kMaxNesting / 2) {  // a group is a choice of sequences
      fail("at most " + std::to_string(Grammar::kMaxNesting / 2) + " nested groups", "one more");
    }
    std::vector<Grammar::Expression> alternatives;
    for (;;) {
      alternatives.push_back(parse_sequence(nesting));
      const std::size_t end = at_;
      skip(true);
      if (!take('|')) {
        if (nesting == 0) at_ = end;
        return grammar_.choice(std::move(alternatives));
      }
      skip(true);
    }
  }

  Grammar::Expression parse_sequence(int nesting) {
    std::vector<Grammar::Expression> parts;
    for (skip(nesting > 0); at_ < text_.size(); skip(nesting > 0)) {
      const char c = peek();
      if (c == '|' || c == ')' || c == '\n' || c == '\r') break;
      const auto part = parse_primary(nesting);
      parts.push_back(parse_repeats(part, nesting));
    }
    return grammar_.sequence(std::move(parts));
  }

  Grammar::Expression parse_primary(int nesting) {
    if (peek() == '"') return parse_literal();
    if (take('[')) return parse_class();
    if (take('.')) return grammar_.chars(complement({}));
    if (take('(')) {
      const auto group = parse_choice(nesting + 1);
      skip(true);
      if (!take(')')) fail("')'");
      return group;
    }
    if (!is_name_char(peek())) fail("a literal, class, group or name of a rule");
    const std::size_t begin = at_;
    return grammar_.rule(rule_named(parse_name(), begin));
  }

  Grammar::Expression parse_repeats(Grammar::Expression part, int nesting) {
    for (;;) {
      const std::size_t begin = at_;
      skip(nesting > 0);
      if (take('*')) {
        part = grammar_.repeat(part, 0, Grammar::kUnlimited);
      } else if (take('+')) {
        part = grammar_.repeat(part, 1, Grammar::kUnlimited);
      } else if (take('?')) {
        part = grammar_.optional(part);
      } else if (take('{')) {
        const int64_t min = parse_count();
        int64_t max = min;
        skip(false);
        if (take(',')) {
          skip(false);
          max = peek() == '}' ? Grammar::kUnlimited : parse_count();
        }
        skip(false);
        if (peek() != '}') fail("'}'");
        if (max != Grammar::kUnlimited && max < min) {
          fail("at least " + std::to_string(min) + " repetitions", std::to_string(max));
        }
        ++at_;
        part = grammar_.repeat(part, min, max);
      } else {
        at_ = begin;
        return part;
      }
    }
  }

  int64_t parse_count() {
    skip(false);
    if (!is_digit(peek())) fail("a number of repetitions");
    int64_t value = 0;
    const std::size_t begin = at_;
    while (is_digit(peek())) {
      value = value * 10 + (text_[at_++] - '0');
      if (value > Grammar::kMaxRepeats) {
        at_ = begin;
        fail("at most " + std::to_string(Grammar::kMaxRepeats) + " repetitions", "more");
      }
    }
    return value;
  }

  Grammar::Expression parse_literal() {
    const std::size_t begin = at_++;
    std::string bytes;
    while (!take('"')) append_utf8(bytes, parse_char("'\"'", begin));
    return grammar_.bytes(bytes);
  }

  Grammar::Expression parse_class() {
    const std::size_t begin = at_ - 1;
    const bool negated = take('^');
    std::vector<CodeRange> ranges;
    while (!take(']')) {
      const std::size_t where = at_;
      const char32_t first = parse_char("']'", begin);
      char32_t last = first;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        last = parse_char("']'", begin);
      }
      if (last < first) {
        at_ = where;
        fail("a range that ascends", quote(text_.substr(where, 16)));
      }
      ranges.push_back({first, last});
    }
    CodeRanges set = normalised(std::move(ranges));
    if (negated) set = complement(set);
    if (set.empty()) {
      at_ = begin;
      fail("a class of characters", "an empty one");
    }
    return grammar_.chars(std::move(set));
  }

  // One character of the literal or class that began at `begin`.
  char32_t parse_char(const char* end, std::size_t begin) {
    if (at_ >= text_.size() || peek() == '\n') {
      const std::string what = found();
      at_ = begin;
      fail(std::string("a closing ") + end, what);
    }
    if (take('\\')) return parse_escape();
    const auto length = static_cast<std::size_t>(utf8_head(text_.substr(at_)).length);
    at_ += length;
    return utf8_code_point(text_.substr(at_ - length, length));
  }

  char32_t parse_escape() {
    switch (peek()) {
      case 'n':
        return ++at_, '\n';
      case 'r':
        return ++at_, '\r';
      case 't':
        return ++at_, '\t';
      case 'x':
        return parse_hex(2);
      case 'u':
        return parse_hex(4);
      case 'U':
        return parse_hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<unsigned char>(text_[at_++]);
      default:
        fail("an escape: one of nrtxuU\\\"[]-^");
    }
  }

  char32_t parse_hex(int digits) {
    const std::size_t begin = at_++ - 1;
    uint64_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = peek();
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("a hexadecimal digit");
      value = value * 16 + static_cast<uint64_t>(digit);
      ++at_;
    }
    if (value > kLastCodePoint || (value >= 0xd800 && value <= 0xdfff)) {
      const std::string what = quote(text_.substr(begin, at_ - begin));
      at_ = begin;
      fail("a character of Unicode", what);
    }
    return static_cast<char32_t>(value);
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  bool located_ = false;  // the error that is on its way says where
  Grammar grammar_;
  std::map<std::string, RuleUse> rules_;
};

}  // namespace

Grammar parse_gbnf(std::string_view text, const std::string& name) {
  return Parser(text, name).parse();
}

}  // namespace onebit
