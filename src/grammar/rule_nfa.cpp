#include "grammar/rule_nfa.h"

#include <map>
#include <span>
#include <string>

#include "base/error.h"

namespace onebit {
namespace {

using Kind = Grammar::Kind;

[[noreturn]] void too_large(std::size_t most, const char* what) {
  throw Error(ErrorCode::kInvalidArgument, "grammar: expected at most " + std::to_string(most) +
                                               " " + what +
                                               " when repetitions are written out, found more");
}

}  // namespace

std::vector<bool> nullable_rules(const Grammar& grammar) {
  const auto& nodes = grammar.nodes();
  const std::size_t n_rules = grammar.rules().size();
  // From parts to wholes, each visited once: `missing` parts before a whole is nullable.
  std::vector<std::vector<uint32_t>> wholes(nodes.size() + n_rules);  // rules after the nodes
  std::vector<std::size_t> missing(nodes.size(), 1);
  std::vector<uint32_t> ready;
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const Grammar::Node& node = nodes[i];
    if (node.kind == Kind::kSequence) missing[i] = node.children.size();
    if (node.kind == Kind::kRepeat && node.min == 0) missing[i] = 0;
    if (node.kind == Kind::kBytes && node.bytes.empty()) missing[i] = 0;
    if (missing[i] == 0) ready.push_back(i);
    for (const uint32_t child : node.children) wholes[child].push_back(i);
    if (node.kind == Kind::kRule) wholes[nodes.size() + node.rule].push_back(i);
  }
  for (uint32_t r = 0; r < n_rules; ++r) {
    wholes[grammar.rules()[r].body].push_back(static_cast<uint32_t>(nodes.size()) + r);
  }
  std::vector<bool> nullable(n_rules);
  while (!ready.empty()) {
    const uint32_t part = ready.back();
    ready.pop_back();
    for (const uint32_t whole : wholes[part]) {
      if (whole >= nodes.size()) {
        if (!nullable[whole - nodes.size()]) ready.push_back(whole);
        nullable[whole - nodes.size()] = true;
      } else if (missing[whole] > 0 && --missing[whole] == 0) {
        ready.push_back(whole);
      }
    }
  }
  return nullable;
}

RuleNfa::RuleNfa(const Grammar& grammar, const std::vector<bool>& nullable, Grammar::Rule rule,
                 std::size_t max_states, std::size_t max_edges)
    : grammar_(grammar), nullable_(nullable), max_states_(max_states), max_edges_(max_edges) {
  add_state();
  add_state();
  build(grammar.rules()[rule].body, kStart, kEnd);
}

uint32_t RuleNfa::add_state() {
  if (states.size() >= max_states_) too_large(max_states_, "states");
  states.emplace_back();
  return static_cast<uint32_t>(states.size() - 1);
}

void RuleNfa::add_edge(uint32_t from, const Edge& edge) {
  if (++n_edges_ > max_edges_) too_large(max_edges_, "edges");
  states[from].push_back(edge);
}

// Recursion is as deep as expressions nest.
void RuleNfa::build(Grammar::Expression expression, uint32_t from, uint32_t to) {
  const Grammar::Node& node = grammar_.nodes()[expression];
  switch (node.kind) {
    case Kind::kBytes:
      if (node.bytes.empty()) return skip(from, to);
      for (std::size_t i = 0; i < node.bytes.size(); ++i) {
        const auto byte = static_cast<uint8_t>(node.bytes[i]);
        const uint32_t next = i + 1 == node.bytes.size() ? to : add_state();
        add_edge(from, {Edge::kByte, byte, byte, 0, next});
        from = next;
      }
      return;
    case Kind::kChars:
      return build_chars(expression, from, to);
    case Kind::kRule:
      add_edge(from, {Edge::kCall, 0, 0, node.rule, to});
      if (nullable_[node.rule]) skip(from, to);
      return;
    case Kind::kSequence:
      if (node.children.empty()) return skip(from, to);
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        const uint32_t next = i + 1 == node.children.size() ? to : add_state();
        build(node.children[i], from, next);
        from = next;
      }
      return;
    case Kind::kChoice:
      for (const Grammar::Expression child : node.children) build(child, from, to);
      return;
    case Kind::kRepeat:
      return build_repeat(node, from, to);
  }
}

// Characters that end in the same bytes share the states for these.
RuleNfa::Pattern RuleNfa::pattern_of(const CodeRanges& chars) {
  Pattern pattern;
  std::map<ByteSpans, uint32_t> before;  // the state before these last bytes
  for (const ByteSpans& spans : utf8_spans(chars)) {
    uint32_t next = kEnd;
    for (std::size_t i = spans.size(); --i > 0;) {
      const ByteSpans tail(spans.begin() + static_cast<std::ptrdiff_t>(i), spans.end());
      const auto [known, is_new] = before.emplace(tail, pattern.n_states);
      if (is_new) {
        pattern.edges.push_back(
            {known->second, {Edge::kByte, spans[i].first, spans[i].last, 0, next}});
        ++pattern.n_states;
      }
      next = known->second;
    }
    pattern.edges.push_back({kStart, {Edge::kByte, spans[0].first, spans[0].last, 0, next}});
  }
  return pattern;
}

void RuleNfa::build_chars(Grammar::Expression expression, uint32_t from, uint32_t to) {
  auto known = patterns_.find(expression);
  if (known == patterns_.end()) {
    known = patterns_.emplace(expression, pattern_of(grammar_.nodes()[expression].chars)).first;
  }
  const Pattern& pattern = known->second;
  const auto first = static_cast<uint32_t>(states.size());
  for (uint32_t i = 2; i < pattern.n_states; ++i) add_state();
  const auto placed = [&](uint32_t state) {
    return state == kStart ? from : state == kEnd ? to : first + state - 2;
  };
  for (auto [state, edge] : pattern.edges) {
    edge.to = placed(edge.to);
    add_edge(placed(state), edge);
  }
}

void RuleNfa::build_repeat(const Grammar::Node& node, uint32_t from, uint32_t to) {
  const Grammar::Expression part = node.children[0];
  for (int64_t i = 0; i < node.min; ++i) {
    const uint32_t next = add_state();
    build(part, from, next);
    from = next;
  }
  if (node.max == Grammar::kUnlimited) {
    const uint32_t loop = add_state();  // its own: what else begins at `from` must not repeat
    skip(from, loop);
    build(part, loop, loop);
    return skip(loop, to);
  }
  for (int64_t i = node.min; i < node.max; ++i) {
    skip(from, to);
    const uint32_t next = add_state();
    build(part, from, next);
    from = next;
  }
  skip(from, to);
}

}  // namespace onebit
