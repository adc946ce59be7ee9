#include "grammar/pattern.h"

#include <string>

#include "base/error.h"
#include "text/utf8.h"

namespace onebit {
namespace {

const CodeRanges kDigits = {{'0', '9'}};
const CodeRanges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CodeRanges kSpaces = {{'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680},
                            {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f},
                            {0x3000, 0x3000}, {0xfeff, 0xfeff}};
const CodeRanges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class PatternParser {
 public:
  using Expression = Grammar::Expression;

  PatternParser(std::string_view text, Grammar& grammar, JsonRules& rules)
      : text_(text), g_(grammar), rules_(rules) {}

  Expression parse() {
    if (!take('^')) fail("'^' in front");
    const Expression body = parse_sequence(0);
    if (!take('$') || at_ < text_.size()) {
      if (at_ > 0 && text_[at_ - 1] == '$') --at_;
      fail("'$' at the end, alternatives in a group");
    }
    return body;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    std::string found = "the end";
    if (at_ < text_.size()) found = quote(text_.substr(at_, 8));
    throw Error(ErrorCode::kUnsupported, "expected " + expected + ", found " + found +
                                             " at column " + std::to_string(at_ + 1));
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Expression parse_choice(int nesting) {
    std::vector<Expression> alternatives;
    do {
      alternatives.push_back(parse_sequence(nesting));
    } while (take('|'));
    return g_.choice(std::move(alternatives));
  }

  Expression parse_sequence(int nesting) {
    std::vector<Expression> parts;
    while (at_ < text_.size() && peek() != '|' && peek() != ')' && peek() != '$') {
      const Expression part = parse_part(nesting);
      parts.push_back(parse_repeat(part));
    }
    return g_.sequence(std::move(parts));
  }

  Expression parse_part(int nesting) {
    if (take('(')) {
      if (nesting == 32) fail("at most 32 nested groups");
      if (take('?') && !take(':')) fail("a group without conditions");
      const Expression group = parse_choice(nesting + 1);
      if (!take(')')) fail("')'");
      return group;
    }
    if (take('[')) return rules_.character_of(parse_class());
    if (take('.')) return rules_.character_of(complement(kLineEnds));
    if (take('\\')) return rules_.character_of(parse_escape());
    for (const char c : {'*', '+', '?', '{', '}', ']', '^'}) {
      if (peek() == c) fail("a character, class or group");
    }
    const char32_t c = take_character();
    return rules_.character_of({{c, c}});
  }

  Expression parse_repeat(Expression part) {
    const std::size_t begin = at_;
    int64_t min = 0;
    int64_t max = Grammar::kUnlimited;
    if (take('*')) {
    } else if (take('+')) {
      min = 1;
    } else if (take('?')) {
      max = 1;
    } else if (take('{')) {
      min = max = parse_count();
      if (take(',')) max = peek() == '}' ? Grammar::kUnlimited : parse_count();
      if (!take('}')) fail("'}'");
      if (max != Grammar::kUnlimited && max < min) {
        at_ = begin;
        fail("repetitions that ascend");
      }
    } else {
      return part;
    }
    for (const char c : {'*', '+', '?', '{'}) {
      if (peek() == c) fail("one repetition");
    }
    return g_.repeat(part, min, max);
  }

  int64_t parse_count() {
    const std::size_t begin = at_;
    int64_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + (text_[at_++] - '0');
      if (value > Grammar::kMaxRepeats) {
        at_ = begin;
        fail("at most " + std::to_string(Grammar::kMaxRepeats) + " repetitions");
      }
    }
    if (at_ == begin) fail("a number");
    return value;
  }

  CodeRanges parse_class() {
    const bool negated = take('^');
    std::vector<CodeRange> ranges;
    while (!take(']')) {
      if (at_ >= text_.size()) fail("']'");
      const std::size_t begin = at_;
      CodeRanges first = parse_member();
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        if (at_ >= text_.size()) fail("']'");
        const CodeRanges last = parse_member();
        const auto is_one = [](const CodeRanges& r) {
          return r.size() == 1 && r[0].first == r[0].last;
        };
        if (!is_one(first) || !is_one(last) || last[0].first < first[0].first) {
          at_ = begin;
          fail("a range of characters that ascends");
        }
        first[0].last = last[0].first;
      }
      ranges.insert(ranges.end(), first.begin(), first.end());
    }
    CodeRanges set = normalised(std::move(ranges));
    if (negated) set = complement(set);
    if (set.empty()) fail("a class that is not empty");
    return set;
  }

  CodeRanges parse_member() {
    if (take('\\')) return parse_escape();
    const char32_t c = take_character();
    return {{c, c}};
  }

  CodeRanges parse_escape() {
    const char c = peek();
    const auto one = [](char32_t character) { return CodeRanges{{character, character}}; };
    if (std::string_view("^$\\.*+?()[]{}|/-").find(c) != std::string_view::npos && c != '\0') {
      ++at_;
      return one(static_cast<unsigned char>(c));
    }
    ++at_;
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return complement(kDigits);
      case 'w':
        return kWords;
      case 'W':
        return complement(kWords);
      case 's':
        return kSpaces;
      case 'S':
        return complement(kSpaces);
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 't':
        return one('\t');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      default:
        --at_;
        fail("an escape: one of dDwWsSnrtfv or a sign");
    }
  }

  char32_t take_character() {
    const auto length = static_cast<std::size_t>(utf8_head(text_.substr(at_)).length);
    at_ += length;
    return utf8_code_point(text_.substr(at_ - length, length));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Grammar& g_;
  JsonRules& rules_;
};

}  // namespace

Grammar::Expression pattern_expression(std::string_view pattern, Grammar& grammar,
                                       JsonRules& rules) {
  return PatternParser(pattern, grammar, rules).parse();
}

}  // namespace onebit
