// JSON (RFC 8259) as rules of a grammar: what schemas are put together from.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grammar/grammar.h"

namespace onebit {

// JSON is written with at most one space, or one newline and up to 20 spaces or tabs, where white
// space may be: a model cannot write white space forever. Numbers are what readers keep: integers
// of at most 18 digits, others finite. A rule is made when it is first asked for.
class JsonRules {
 public:
  using Expression = Grammar::Expression;

  explicit JsonRules(Grammar& grammar) : g_(grammar) {}

  Expression space();
  Expression value();  // anything
  Expression object();
  Expression array();
  Expression string();
  Expression number();
  Expression integer();
  Expression boolean();
  Expression null() { return g_.bytes("null"); }

  // One character of a string, escaped or not; a pair of surrogates is one.
  Expression character();
  // One character out of `set` in a string, in the shortest way to write it.
  Expression character_of(const CodeRanges& set);
  // A string of plain characters that is none of `names`.
  Expression other_string(const std::vector<std::string>& names);
  // low <= it <= high, low <= high.
  Expression integer_between(int64_t low, int64_t high);
  // Exactly this value, without white space.
  Expression literal(const boost::json::value& value);

  // "{" members "}" and "[" elements "]", once a comma and white space are added.
  Expression member(Expression key, Expression value);
  Expression element(Expression value) { return g_.sequence({value, space()}); }
  Expression comma() { return g_.sequence({g_.bytes(","), space()}); }

  static constexpr int64_t kMaxInteger = 999'999'999'999'999'999;

 private:
  Expression character_body();
  Expression any_of(const std::vector<CodeRange>& ranges) { return g_.chars(normalised(ranges)); }
  Expression digit(int low, int high) {
    return any_of({{static_cast<char32_t>(low), static_cast<char32_t>(high)}});
  }
  template <typename Make>
  Expression once(std::optional<Grammar::Rule>& rule, const char* name, Make make);
  Expression at_least(const std::string& digits);
  Expression at_most(const std::string& digits);
  Expression between(const std::string& low, const std::string& high);
  Expression digits(std::size_t n);
  Expression magnitude_between(uint64_t low, uint64_t high);

  Grammar& g_;
  std::optional<Grammar::Rule> space_, value_, object_, array_, string_, number_, integer_,
      character_;
};

// How deep calls nest in JSON: a level of the document is one, so that json_file.h reads it back.
inline constexpr int kMaxJsonCalls = 63;

}  // namespace onebit
