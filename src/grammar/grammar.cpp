#include "grammar/grammar.h"

#include <algorithm>

#include "base/error.h"

namespace onebit {
namespace {

void limit(int64_t found, int64_t most, const char* what) {
  if (found <= most) return;
  throw Error(ErrorCode::kInvalidArgument, "grammar: expected at most " + std::to_string(most) +
                                               " " + what + ", found " + std::to_string(found));
}

}  // namespace

Grammar::Expression Grammar::make(Node node) {
  for (const Expression child : node.children) {
    node.nesting = std::max(node.nesting, nodes_[child].nesting + 1);
  }
  limit(node.nesting, kMaxNesting, "nested expressions");
  limit(std::ssize(nodes_) + 1, kMaxExpressions, "expressions");
  nodes_.push_back(std::move(node));
  return static_cast<Expression>(nodes_.size() - 1);
}

Grammar::Expression Grammar::bytes(std::string_view text) {
  return make({.kind = Kind::kBytes, .bytes = std::string(text), .chars = {}});
}

Grammar::Expression Grammar::chars(CodeRanges ranges) {
  return make({.kind = Kind::kChars, .bytes = {}, .chars = std::move(ranges)});
}

Grammar::Expression Grammar::rule(Rule rule) {
  ONEBIT_CHECK(rule < rules_.size());
  return make({.kind = Kind::kRule, .bytes = {}, .chars = {}, .rule = rule});
}

Grammar::Expression Grammar::sequence(std::vector<Expression> parts) {
  if (parts.size() == 1) return parts[0];
  return make({.kind = Kind::kSequence, .bytes = {}, .chars = {}, .children = std::move(parts)});
}

Grammar::Expression Grammar::choice(std::vector<Expression> alternatives) {
  if (alternatives.size() == 1) return alternatives[0];
  return make(
      {.kind = Kind::kChoice, .bytes = {}, .chars = {}, .children = std::move(alternatives)});
}

Grammar::Expression Grammar::repeat(Expression part, int64_t min, int64_t max) {
  ONEBIT_CHECK(min >= 0 && (max == kUnlimited || min <= max));
  limit(std::max(min, max), kMaxRepeats, "repetitions");
  return make({.kind = Kind::kRepeat,
               .bytes = {},
               .chars = {},
               .children = {part},
               .min = min,
               .max = max});
}

Grammar::Rule Grammar::declare(std::string name) {
  limit(std::ssize(rules_) + 1, kMaxRules, "rules");
  rules_.push_back({std::move(name)});
  return static_cast<Rule>(rules_.size() - 1);
}

void Grammar::define(Rule rule, Expression body) {
  ONEBIT_CHECK(rules_[rule].body == kUndefined && body < nodes_.size());
  rules_[rule].body = body;
}

Grammar::Rule Grammar::add(std::string name, Expression body) {
  const Rule rule = declare(std::move(name));
  define(rule, body);
  return rule;
}

}  // namespace onebit
