// A context-free grammar as rules over expressions: what GBNF (gbnf.h) and JSON Schema
// (json_schema.h) are read into, and what an Automaton is made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/code_ranges.h"

namespace onebit {

// Plain data with limits. An expression belongs to one grammar and may be used several times in it.
class Grammar {
 public:
  static constexpr std::size_t kMaxRules = std::size_t{1} << 15;
  static constexpr std::size_t kMaxExpressions = std::size_t{1} << 17;
  static constexpr int kMaxNesting = 128;  // of expressions
  static constexpr int64_t kMaxRepeats = 1 << 15;
  static constexpr int64_t kUnlimited = -1;

  using Expression = uint32_t;
  using Rule = uint32_t;

  enum class Kind : uint8_t { kBytes, kChars, kRule, kSequence, kChoice, kRepeat };
  struct Node {
    Kind kind;
    int nesting = 0;
    std::string bytes;                      // kBytes
    CodeRanges chars;                       // kChars
    Rule rule = 0;                          // kRule
    std::vector<Expression> children = {};  // kSequence, kChoice; one of kRepeat
    int64_t min = 0;                        // kRepeat
    int64_t max = 0;
  };
  struct RuleBody {
    std::string name;
    Expression body = kUndefined;
  };
  static constexpr Expression kUndefined = UINT32_MAX;

  // Each throws Error(kInvalidArgument) "grammar: expected at most ..., found ..." at a limit.
  Expression bytes(std::string_view text);
  Expression chars(CodeRanges ranges);  // one character; of no ranges: nothing matches
  Expression rule(Rule rule);
  Expression sequence(std::vector<Expression> parts);  // of nothing: the empty text
  Expression choice(std::vector<Expression> alternatives);
  Expression repeat(Expression part, int64_t min, int64_t max);  // max: or kUnlimited
  Expression optional(Expression part) { return repeat(part, 0, 1); }

  // Rules may be used before they are defined; all must be in the end. Names are for messages.
  Rule declare(std::string name);
  void define(Rule rule, Expression body);
  Rule add(std::string name, Expression body);

  Rule root = 0;
  // How deep calls of rules may nest while a text is matched; deeper texts are not in the language.
  int max_depth = 256;

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<RuleBody>& rules() const { return rules_; }

 private:
  Expression make(Node node);

  std::vector<Node> nodes_;
  std::vector<RuleBody> rules_;
};

}  // namespace onebit
