// The subset construction (Rabin and Scott 1959) of one rule, with calls as further letters.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "grammar/rule_nfa.h"

namespace onebit {

// Without empty edges, and deterministic where that stays small: else every state of `nfa` keeps to
// itself, and edges stay ambiguous.
class Subsets {
 public:
  struct Edge {
    uint8_t first;
    uint8_t last;
    uint32_t to;
  };
  struct Call {
    uint32_t rule;
    uint32_t to;
  };
  struct State {
    std::vector<Edge> bytes;  // ascending by `first`
    std::vector<Call> calls;
    bool accepts = false;
  };

  // `work`: steps that are left for the whole grammar. Throws Error(kInvalidArgument) beyond them.
  Subsets(const RuleNfa& nfa, int64_t& work);

  std::vector<State> states;  // the first is the start

 private:
  using Set = std::vector<uint32_t>;  // of states of `nfa`, ascending

  void charge(std::size_t steps);
  bool construct(std::size_t most);
  uint32_t intern(Set set);
  Set closure(const Set& set);
  void expand(const Set& closed, State& state);
  void split(const std::vector<Edge>& edges, State& state);
  template <typename F>
  void for_each_target(Set& targets, F f);

  const RuleNfa& nfa_;
  int64_t& work_;
  bool deterministic_ = true;
  struct HashOfSet {
    std::size_t operator()(const Set& set) const;
  };
  std::unordered_map<Set, uint32_t, HashOfSet> ids_;
  std::vector<Set> sets_;
  std::vector<uint32_t> stamp_;  // closure() number `now_` has seen the state
  uint32_t now_ = 0;
};

}  // namespace onebit
