// Which tokens may come next.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/matcher.h"
#include "grammar/token_trie.h"

namespace onebit {

class TrieWalk;

// Bytes that several have together. Any number of threads may use one.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t bytes) : left_(bytes) {}
  // False: there are not so many left, and none are taken.
  bool take(int64_t bytes) {
    if (left_.fetch_sub(bytes) >= bytes) return true;
    left_ += bytes;
    return false;
  }
  void give(int64_t bytes) { left_ += bytes; }
  int64_t left() const { return left_; }

 private:
  std::atomic<int64_t> left_;
};

// A grammar for a vocabulary. Any number of threads may use one.
//
// Most of a mask depends on the state on top of the stack only (the idea of XGrammar, Dong et al.
// 2024, arXiv 2411.15100): the tokens that do not leave the rule that the state is of. These are
// found once a state by a walk over all tokens, and kept within a limit of bytes (and what is left
// of `memory`), the least recently used going first. What is left is the tokens that leave the rule
// somewhere in the middle: of these the rest is walked with the stack at hand. States that are
// alike for as many bytes as a short token has share a mask of short tokens, so that a string with
// a limit does not need one for each of its lengths.
//
// Work is bounded, see WorkBudget; what is found in the cache counts as if it were made, so that
// what is refused does not depend on what was asked before.
class TokenMasks {
 public:
  static constexpr int64_t kDefaultCacheBytes = int64_t{64} << 20;

  TokenMasks(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const TokenTrie> trie,
             int64_t cache_bytes = kDefaultCacheBytes,
             std::shared_ptr<MemoryBudget> memory = nullptr);
  ~TokenMasks();

  // Bit i of `mask` [trie().mask_words()] becomes 1 if token i may come next: a text token if its
  // bytes can follow, a stop token if the text may end. `drop_space`: a token's leading space will
  // not be part of the text (Tokenizer::decode_next at the start, with some vocabularies). All
  // zeros are possible: of a text that must end and a vocabulary without stop tokens, or one that
  // cannot spell what must follow. Matcher::accept() takes what is allowed. Throws what WorkBudget
  // does.
  void fill(const StackSet& state, bool drop_space, std::span<uint64_t> mask) const;

  const std::shared_ptr<const Automaton>& automaton() const { return automaton_; }
  const TokenTrie& trie() const { return *trie_; }
  int64_t cached_bytes() const;

 private:
  // Of a state without a stack, for the short tokens or for the long ones.
  struct StateMask {
    std::vector<uint64_t> mask;   // tokens that stay within the rule: all, or
    std::vector<int32_t> tokens;  // a few
    std::vector<uint32_t> exits;  // nodes with which the rule may have ended, and longer tokens
    int deepest = 0;              // see StepCost
    bool is_plain = true;
    int64_t work = 0;  // that it took to make
    int64_t bytes() const;
  };
  using StateMaskPtr = std::shared_ptr<const StateMask>;
  using Key = uint64_t;  // twice the state, and 1 for long tokens
  struct Cached {
    StateMaskPtr mask;
    std::list<Key>::iterator used;
  };
  struct Filling;  // of one mask

  StateMaskPtr make_state_mask(Key key, int below) const;
  StateMaskPtr cached_mask(Key key) const;
  bool take_memory(int64_t bytes) const;
  const StateMask& state_mask(Key key, Filling& filling) const;
  void add_top(const StackSet::Top& top, bool long_tokens, Filling& filling) const;
  void fill_dropping_space(const StackSet& state, Filling& filling) const;

  std::shared_ptr<const Automaton> automaton_;
  std::shared_ptr<const TokenTrie> trie_;
  int64_t cache_bytes_;
  std::shared_ptr<MemoryBudget> memory_;  // that the cache is part of; or null

  mutable std::mutex mutex_;
  mutable std::unordered_map<Key, Cached> cache_;
  mutable std::list<Key> used_;  // the last used first
  mutable int64_t cached_bytes_ = 0;
};

// A text that a model writes under a grammar. Copies are cheap (for speculation).
class ConstrainedText {
 public:
  // `at_start`: what the text follows, as Tokenizer::decode_next carries it through the prompt.
  explicit ConstrainedText(std::shared_ptr<const TokenMasks> masks, bool at_start = false);

  // One bit a token. Valid until the next call of anything.
  std::span<const uint64_t> mask();
  // The token comes next. False if it may not: nothing has changed.
  bool accept(int32_t token);
  // The text is complete; it may still go on unless must_end().
  bool can_end() const { return matcher_.can_end(); }
  bool must_end() const { return matcher_.must_end(); }

 private:
  std::shared_ptr<const TokenMasks> masks_;
  Matcher matcher_;
  bool at_start_;
  bool drops_space_ = false;  // the vocabulary, at a start
  std::vector<uint64_t> mask_;
};

}  // namespace onebit
