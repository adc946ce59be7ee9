// A grammar as a network of automata over bytes: one automaton a rule, whose edges are ranges of
// bytes or calls of rules (a recursive transition network; Woods 1970). Matching needs a stack of
// the states to return to: matcher.h.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "grammar/grammar.h"

namespace onebit {

// Immutable after construction.
class Automaton {
 public:
  static constexpr std::size_t kMaxStates = std::size_t{1} << 16;
  static constexpr std::size_t kMaxEdges = std::size_t{1} << 17;

  struct ByteEdge {
    uint8_t first;
    uint8_t last;  // included
    uint32_t to;
  };
  struct Call {
    uint32_t rule;
    uint32_t to;   // where the caller goes on
    bool is_tail;  // nothing follows there: the caller needs not be returned to
  };

  // Throws Error(kInvalidArgument) that names the rule: left recursion (the rule calls itself
  // before any byte), a rule that no text can end, nesting beyond Grammar::max_depth; and
  // "grammar: expected at most ..." where the automaton would be too large.
  explicit Automaton(const Grammar& grammar);

  // Edges of a state. Of rules that stayed small when made deterministic (all but odd ones) at
  // most one holds a byte; ascending by `first` in any case.
  std::span<const ByteEdge> bytes(uint32_t state) const {
    return span_of(byte_edges_, states_[state].bytes, states_[state + 1].bytes);
  }
  std::span<const Call> calls(uint32_t state) const {
    return span_of(calls_, states_[state].calls, states_[state + 1].calls);
  }
  // The rule may end here.
  bool accepts(uint32_t state) const { return states_[state].accepts; }
  bool has_edges(uint32_t state) const { return !bytes(state).empty() || !calls(state).empty(); }
  // The least depth of the stack, above what is there, with which the rule can be ended from here.
  // More than max_depth(): it cannot.
  int need(uint32_t state) const { return states_[state].need; }

  // States with the same number do the same for kAlikeBytes bytes, whatever the stack is: a string
  // that may still have 60 characters and one that may have 59.
  static constexpr int kAlikeBytes = 24;
  uint32_t alike(uint32_t state) const { return states_[state].alike; }

  uint32_t start(uint32_t rule) const { return starts_[rule]; }
  // The bytes that texts of the rule begin with.
  const std::bitset<256>& first_bytes(uint32_t rule) const { return first_bytes_[rule]; }

  uint32_t root_state() const { return starts_[root_]; }
  int max_depth() const { return max_depth_; }
  std::size_t n_states() const { return states_.size() - 1; }
  int64_t bytes() const;  // of memory

 private:
  friend class AutomatonBuilder;
  struct State {  // the edges of a state end where those of the next one begin
    uint32_t bytes = 0;
    uint32_t calls = 0;
    int need = 0;
    uint32_t alike = 0;  // the first of these
    bool accepts = false;
  };
  template <typename T>
  static std::span<const T> span_of(const std::vector<T>& all, uint32_t begin, uint32_t end) {
    return std::span<const T>(all).subspan(begin, end - begin);
  }

  std::vector<State> states_;  // and one more that ends the last one's edges
  std::vector<ByteEdge> byte_edges_;
  std::vector<Call> calls_;
  std::vector<uint32_t> starts_;  // by rule
  std::vector<std::bitset<256>> first_bytes_;
  uint32_t root_ = 0;
  int max_depth_ = 0;
};

}  // namespace onebit
