// Matches a text with a grammar byte by byte, all ways to read it at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/automaton.h"

namespace onebit {

// Where a call returns to. Immutable and shared: stacks that differ at the top are one below.
struct Frame {
  std::shared_ptr<const Frame> below;  // null: the last one
  uint32_t state;
  int depth;      // 1 for the last one
  uint64_t hash;  // of all of the stack
};
using Stack = std::shared_ptr<const Frame>;  // null: empty; the rule that ends is the root

// All that is known of a text so far: the stacks that a pushdown automaton could have.
struct StackSet {
  struct Top {
    Top(uint32_t state, Stack stack);
    uint32_t state;  // has edges
    Stack stack;
    uint64_t hash;  // of both
  };
  std::vector<Top> tops;  // every one of them can be continued to a text of the grammar
  bool can_end = false;   // the text so far is one itself

  bool is_dead() const { return tops.empty() && !can_end; }
  friend bool operator==(const StackSet& a, const StackSet& b);
};
uint64_t hash_of(const StackSet& set);

// Ambiguous readings beyond these are forgotten, in a fixed order: fewer texts match then. Of what
// one top leads to inside a token, and of all together after it.
inline constexpr std::size_t kMaxTops = 256;
inline constexpr std::size_t kMaxOpenCalls = 1024;

StackSet start(const Automaton& automaton);

// Work that is left for one mask, or for one token. A count, not a clock: what is refused is a
// matter of grammar, vocabulary and text. A unit is a node of a trie visited, 5 to 10 ns.
class WorkBudget {
 public:
  static constexpr int64_t kMost = 6 << 20;
  // Throws Error(kInvalidArgument) beyond them: "grammar: expected ...".
  void charge(int64_t units) {
    if ((spent_ += units) > kMost) refuse();
  }
  int64_t spent() const { return spent_; }

 private:
  [[noreturn]] static void refuse();
  int64_t spent_ = 0;
};

// What steps took.
struct StepCost {
  WorkBudget& budget;
  int deepest = 0;  // the greatest depth that a way, of those that are possible, needs to be ended
  bool is_plain = true;  // no way was forgotten, and no two came to the same stacks
};
// After one more byte. Adds to `cost`. `below`: the depth of what lies under the stacks of `set`.
StackSet advance(const Automaton& automaton, const StackSet& set, uint8_t byte, StepCost& cost,
                 int below = 0);
int depth_of(const Stack& stack);
// What may follow when the rule on top of `stack` (not null) has ended.
StackSet returned(const Automaton& automaton, const Stack& stack, StepCost& cost);

// A text that grows. Copies are cheap, share what they have in common, and may be used by
// different threads.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Automaton> automaton);

  // The text goes on with `bytes`, one token. False: no text of the grammar does; nothing has
  // changed. Throws what WorkBudget does.
  //
  // Ways are followed as TokenMasks does, which is why it takes what a mask allows: out of each top
  // by itself, without what is below it until its rule has ended, so that what is forgotten of one
  // top's ways has nothing to do with the others.
  bool accept(std::string_view bytes);
  // The text so far is one of the grammar.
  bool can_end() const { return state_.can_end; }
  // Nothing can follow.
  bool must_end() const { return state_.tops.empty(); }

  const StackSet& state() const { return state_; }
  const Automaton& automaton() const { return *automaton_; }

 private:
  std::shared_ptr<const Automaton> automaton_;
  StackSet state_;
};

}  // namespace onebit
