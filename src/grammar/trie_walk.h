// All tokens of a trie through a matcher at once.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "grammar/matcher.h"
#include "grammar/token_trie.h"

namespace onebit {

// A walk meets few sets of stacks and meets them often: they become the states of a deterministic
// automaton that is made as far as it is walked on, so that a node of the trie costs a look-up.
class TrieWalk {
 public:
  using SetId = uint32_t;

  // All work is charged to `budget`. `below`: see advance().
  TrieWalk(const Automaton& automaton, const TokenTrie& trie, WorkBudget& budget, int below = 0)
      : automaton_(automaton), trie_(trie), below_(below), cost_{budget} {}

  // What set() knows under a number.
  static constexpr SetId kDead = 1;
  SetId intern(StackSet set);
  const StackSet& set(SetId id) const { return sets_[id - kFirst]; }

  // Calls visit(node, set after it) for the nodes of [begin, end), whole subtrees at one depth,
  // that are reached alive out of `from`. The set may have ended: nothing goes on from it then.
  template <typename Visit>
  void walk(uint32_t begin, uint32_t end, SetId from, Visit visit) {
    if (from == kDead || begin == end) return;
    const std::size_t base = trie_[begin].depth;
    path_.assign(1, from);
    int64_t n_visited = 1;
    for (uint32_t node = begin; node < end;) {
      ++n_visited;
      const TokenTrie::Node& n = trie_[node];
      const std::size_t depth = n.depth - base;
      const SetId next = step(path_[depth], n.byte);
      if (next == kDead) {
        node = n.end;
        continue;
      }
      if (path_.size() < depth + 2) path_.resize(depth + 2);
      path_[depth + 1] = next;
      visit(node, next);
      ++node;
    }
    cost_.budget.charge(n_visited);
  }

  // Of all steps.
  StepCost& cost() { return cost_; }

 private:
  static constexpr SetId kUnknown = 0;
  static constexpr SetId kFirst = 2;

  SetId step(SetId from, uint8_t byte) {
    const SetId known = next_[(from - kFirst) * 256 + byte];
    return known != kUnknown ? known : find_step(from, byte);
  }
  SetId find_step(SetId from, uint8_t byte);

  const Automaton& automaton_;
  const TokenTrie& trie_;
  const int below_;
  std::deque<StackSet> sets_;
  std::vector<SetId> next_;  // by set and byte
  std::unordered_multimap<uint64_t, SetId> ids_;
  std::vector<SetId> path_;  // by depth
  StepCost cost_;
};

}  // namespace onebit
