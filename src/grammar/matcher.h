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
    uint32_t state;  // has edges
    Stack stack;
  };
  std::vector<Top> tops;  // every one of them can be continued to a text of the grammar
  bool can_end = false;   // the text so far is one itself

  bool is_dead() const { return tops.empty() && !can_end; }
  friend bool operator==(const StackSet& a, const StackSet& b);
};
uint64_t hash_of(const StackSet& set);

// Ambiguous readings beyond these are forgotten, in a fixed order: fewer texts match then.
inline constexpr std::size_t kMaxTops = 256;
inline constexpr std::size_t kMaxOpenCalls = 1024;

StackSet start(const Automaton& automaton);
// What steps took.
struct StepCost {
  int deepest = 0;   // the greatest depth that a way, of those that are possible, needs to be ended
  int64_t work = 0;  // comparisons of stacks, about
};
// After one more byte. Adds to `cost`.
StackSet advance(const Automaton& automaton, const StackSet& set, uint8_t byte,
                 StepCost* cost = nullptr);
int depth_of(const Stack& stack);
// What may follow when the rule on top of `stack` (not null) has ended.
StackSet returned(const Automaton& automaton, const Stack& stack);

// A text that grows. Copies are cheap, share what they have in common, and may be used by
// different threads.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Automaton> automaton);

  // The text goes on with `bytes`. False: no text of the grammar does; nothing has changed.
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
