// One rule as a nondeterministic automaton (Thompson 1968), before it becomes states of an
// Automaton.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grammar/grammar.h"

namespace onebit {

// Which rules match the empty text.
std::vector<bool> nullable_rules(const Grammar& grammar);

struct RuleNfa {
  struct Edge {
    enum Kind : uint8_t { kEmpty, kByte, kCall } kind;
    uint8_t first;  // kByte: the range
    uint8_t last;
    uint32_t rule;  // kCall
    uint32_t to;
  };
  static constexpr uint32_t kStart = 0;
  static constexpr uint32_t kEnd = 1;

  // A call of a nullable rule has an empty edge beside it, so that a rule that was called need not
  // be left at once. Throws Error(kInvalidArgument) beyond `max_states` or `max_edges`.
  RuleNfa(const Grammar& grammar, const std::vector<bool>& nullable, Grammar::Rule rule,
          std::size_t max_states, std::size_t max_edges);

  std::vector<std::vector<Edge>> states;

 private:
  uint32_t add_state();
  void add_edge(uint32_t from, const Edge& edge);
  void skip(uint32_t from, uint32_t to) { add_edge(from, {Edge::kEmpty, 0, 0, 0, to}); }
  void build(Grammar::Expression expression, uint32_t from, uint32_t to);
  // How a class of characters is built, for all of its copies: edges between states of which the
  // first two stand for `from` and `to`.
  struct Pattern {
    uint32_t n_states = 2;
    std::vector<std::pair<uint32_t, Edge>> edges;
  };
  static Pattern pattern_of(const CodeRanges& chars);
  void build_chars(Grammar::Expression expression, uint32_t from, uint32_t to);
  void build_repeat(const Grammar::Node& node, uint32_t from, uint32_t to);

  const Grammar& grammar_;
  const std::vector<bool>& nullable_;
  const std::size_t max_states_;
  const std::size_t max_edges_;
  std::size_t n_edges_ = 0;
  std::unordered_map<Grammar::Expression, Pattern> patterns_;
};

}  // namespace onebit
