#include "grammar/json_rules.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "io/json_text.h"
#include "text/utf8.h"

namespace onebit {
namespace {

// What stands for itself in a string.
const CodeRanges& plain_characters() {
  static const CodeRanges plain = complement(normalised({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}));
  return plain;
}

std::string escaped(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      constexpr const char* kHex = "0123456789abcdef";
      return std::string("\\u00") + kHex[c / 16] + kHex[c % 16];
  }
}

}  // namespace

template <typename Make>
JsonRules::Expression JsonRules::once(std::optional<Grammar::Rule>& rule, const char* name,
                                      Make make) {
  if (!rule) {
    rule = g_.declare(name);
    g_.define(*rule, make());
  }
  return g_.rule(*rule);
}

JsonRules::Expression JsonRules::space() {
  return once(space_, "space", [&] {
    const auto indent = g_.repeat(any_of({{' ', ' '}, {'\t', '\t'}}), 0, 20);
    return g_.optional(g_.choice({g_.bytes(" "), g_.sequence({g_.bytes("\n"), indent})}));
  });
}

JsonRules::Expression JsonRules::value() {
  return once(value_, "value", [&] {
    return g_.choice({object(), array(), string(), number(), boolean(), null()});
  });
}

JsonRules::Expression JsonRules::member(Expression key, Expression value) {
  return g_.sequence({key, space(), g_.bytes(":"), space(), value, space()});
}

JsonRules::Expression JsonRules::object() {
  return once(object_, "object", [&] {
    const auto one = member(string(), value());
    const auto more = g_.repeat(g_.sequence({comma(), one}), 0, Grammar::kUnlimited);
    return g_.sequence(
        {g_.bytes("{"), space(), g_.optional(g_.sequence({one, more})), g_.bytes("}")});
  });
}

JsonRules::Expression JsonRules::array() {
  return once(array_, "array", [&] {
    const auto one = element(value());
    const auto more = g_.repeat(g_.sequence({comma(), one}), 0, Grammar::kUnlimited);
    return g_.sequence(
        {g_.bytes("["), space(), g_.optional(g_.sequence({one, more})), g_.bytes("]")});
  });
}

JsonRules::Expression JsonRules::character_body() {
  const auto hex = any_of({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
  const auto two = g_.repeat(hex, 2, 2);
  const auto d = any_of({{'d', 'd'}, {'D', 'D'}});
  const auto not_d = any_of({{'0', '9'}, {'a', 'c'}, {'e', 'f'}, {'A', 'C'}, {'E', 'F'}});
  // A surrogate alone is no character, and readers refuse it.
  const auto code = g_.sequence(
      {g_.bytes("u"),
       g_.choice({g_.sequence({not_d, hex, two}), g_.sequence({d, any_of({{'0', '7'}}), two}),
                  g_.sequence({d, any_of({{'8', '9'}, {'a', 'b'}, {'A', 'B'}}), two,
                               g_.bytes("\\u"), d, any_of({{'c', 'f'}, {'C', 'F'}}), two})})});
  const auto one = any_of({{'"', '"'},
                           {'\\', '\\'},
                           {'/', '/'},
                           {'b', 'b'},
                           {'f', 'f'},
                           {'n', 'n'},
                           {'r', 'r'},
                           {'t', 't'}});
  return g_.choice(
      {g_.chars(plain_characters()), g_.sequence({g_.bytes("\\"), g_.choice({one, code})})});
}

JsonRules::Expression JsonRules::character() {
  return once(character_, "character", [&] { return character_body(); });
}

JsonRules::Expression JsonRules::string() {
  return once(string_, "string", [&] {
    return g_.sequence(
        {g_.bytes("\""), g_.repeat(character_body(), 0, Grammar::kUnlimited), g_.bytes("\"")});
  });
}

JsonRules::Expression JsonRules::character_of(const CodeRanges& set) {
  std::vector<Expression> ways;
  CodeRanges plain = intersection(set, plain_characters());
  if (!plain.empty()) ways.push_back(g_.chars(std::move(plain)));
  for (const CodeRange& r : intersection(set, complement(plain_characters()))) {
    for (char32_t c = r.first; c <= r.last; ++c) ways.push_back(g_.bytes(escaped(c)));
  }
  return ways.empty() ? g_.chars({}) : g_.choice(std::move(ways));
}

JsonRules::Expression JsonRules::other_string(const std::vector<std::string>& names) {
  if (names.empty()) return string();
  struct Prefix {
    std::map<char32_t, std::size_t> next;
    bool is_name = false;
  };
  std::vector<Prefix> prefixes(1);
  for (const std::string& name : names) {
    std::size_t at = 0;
    for (std::string_view rest = name; !rest.empty();) {
      const auto length = static_cast<std::size_t>(utf8_head(rest).length);
      const auto [entry, is_new] =
          prefixes[at].next.emplace(utf8_code_point(rest.substr(0, length)), prefixes.size());
      at = entry->second;
      if (is_new) prefixes.emplace_back();
      rest.remove_prefix(length);
    }
    prefixes[at].is_name = true;
  }
  std::vector<Grammar::Rule> rules;
  for (std::size_t i = 0; i < prefixes.size(); ++i) rules.push_back(g_.declare("other key"));
  const auto any = g_.repeat(g_.chars(plain_characters()), 0, Grammar::kUnlimited);
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    std::vector<Expression> ways;
    std::vector<CodeRange> known;
    for (const auto& [c, next] : prefixes[i].next) {
      known.push_back({c, c});
      CodeRanges plain = intersection({{c, c}}, plain_characters());
      if (plain.empty()) continue;  // it could be written with escapes only
      ways.push_back(g_.sequence({g_.chars(std::move(plain)), g_.rule(rules[next])}));
    }
    const CodeRanges others =
        intersection(plain_characters(), complement(normalised(std::move(known))));
    ways.push_back(g_.sequence({g_.chars(others), any, g_.bytes("\"")}));
    if (!prefixes[i].is_name) ways.push_back(g_.bytes("\""));
    g_.define(rules[i], g_.choice(std::move(ways)));
  }
  return g_.sequence({g_.bytes("\""), g_.rule(rules[0])});
}

JsonRules::Expression JsonRules::boolean() {
  return g_.choice({g_.bytes("true"), g_.bytes("false")});
}

JsonRules::Expression JsonRules::integer() {
  return once(integer_, "integer", [&] { return integer_between(-kMaxInteger, kMaxInteger); });
}

JsonRules::Expression JsonRules::number() {
  return once(number_, "number", [&] {
    const auto whole = g_.choice(
        {g_.bytes("0"), g_.sequence({digit('1', '9'), g_.repeat(digit('0', '9'), 0, 15)})});
    const auto fraction = g_.sequence({g_.bytes("."), g_.repeat(digit('0', '9'), 1, 16)});
    const auto exponent = g_.sequence({any_of({{'e', 'e'}, {'E', 'E'}}),
                                       g_.optional(any_of({{'+', '+'}, {'-', '-'}})),
                                       g_.repeat(digit('0', '9'), 1, 2)});
    return g_.sequence(
        {g_.optional(g_.bytes("-")), whole, g_.optional(fraction), g_.optional(exponent)});
  });
}

JsonRules::Expression JsonRules::digits(std::size_t n) {
  return g_.repeat(digit('0', '9'), static_cast<int64_t>(n), static_cast<int64_t>(n));
}

// As many digits that make at least this number; at_most alike.
JsonRules::Expression JsonRules::at_least(const std::string& low) {
  if (low.find_first_not_of('0') == std::string::npos) return digits(low.size());
  const char d = low[0];
  std::vector<Expression> ways{g_.sequence({g_.bytes(low.substr(0, 1)), at_least(low.substr(1))})};
  if (d < '9') {
    ways.push_back(g_.sequence({digit(d + 1, '9'), digits(low.size() - 1)}));
  }
  return g_.choice(std::move(ways));
}

JsonRules::Expression JsonRules::at_most(const std::string& high) {
  if (high.find_first_not_of('9') == std::string::npos) return digits(high.size());
  const char d = high[0];
  std::vector<Expression> ways{g_.sequence({g_.bytes(high.substr(0, 1)), at_most(high.substr(1))})};
  if (d > '0') {
    ways.push_back(g_.sequence({digit('0', d - 1), digits(high.size() - 1)}));
  }
  return g_.choice(std::move(ways));
}

// Of equally many digits.
JsonRules::Expression JsonRules::between(const std::string& low, const std::string& high) {
  const auto differ = std::mismatch(low.begin(), low.end(), high.begin());
  const std::string prefix(low.begin(), differ.first);
  if (prefix.size() == low.size()) return g_.bytes(low);
  const char a = *differ.first;
  const char b = *differ.second;
  const std::string low_rest(differ.first + 1, low.end());
  const std::string high_rest(differ.second + 1, high.end());
  std::vector<Expression> ways{
      g_.sequence({digit(a, a), at_least(low_rest)}),
      g_.sequence({digit(b, b), at_most(high_rest)}),
  };
  if (a + 1 < b) ways.push_back(g_.sequence({digit(a + 1, b - 1), digits(low_rest.size())}));
  return g_.sequence({g_.bytes(prefix), g_.choice(std::move(ways))});
}

JsonRules::Expression JsonRules::magnitude_between(uint64_t low, uint64_t high) {
  std::vector<Expression> ways;
  for (;;) {
    const std::string first = std::to_string(low);
    const std::string last = std::to_string(high);
    if (first.size() == last.size()) {
      ways.push_back(between(first, last));
      return g_.choice(std::move(ways));
    }
    const std::string nines(first.size(), '9');
    ways.push_back(between(first, nines));
    low = std::stoull(nines) + 1;
  }
}

JsonRules::Expression JsonRules::integer_between(int64_t low, int64_t high) {
  ONEBIT_CHECK(low <= high);
  const auto minus = [](int64_t x) { return uint64_t{0} - static_cast<uint64_t>(x); };
  std::vector<Expression> ways;
  if (low < 0) {
    const uint64_t least = high < 0 ? minus(high) : 1;
    ways.push_back(g_.sequence({g_.bytes("-"), magnitude_between(least, minus(low))}));
  }
  if (high >= 0) {
    ways.push_back(magnitude_between(static_cast<uint64_t>(std::max<int64_t>(low, 0)),
                                     static_cast<uint64_t>(high)));
  }
  return g_.choice(std::move(ways));
}

JsonRules::Expression JsonRules::literal(const boost::json::value& value) {
  return g_.bytes(json_text(value));
}

}  // namespace onebit
