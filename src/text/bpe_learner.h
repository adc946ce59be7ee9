// The inner loop of BPE training: which pair is the most frequent, and what changes when it merges.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace onebit {

// The distinct pieces as linked lists of symbols, and for every adjacent pair its exact count and
// its places, kept up to date merge by merge: a merge costs what it changes.
class BpeLearner {
 public:
  BpeLearner();

  // A piece that occurs `count` times. All pieces come before the first step.
  void add_piece(std::string_view piece, int64_t count);

  // Merges the most frequent pair if it occurs at least `min_count` times. False: there is none.
  bool step(int64_t min_count);

  // Raw bytes by id: the 256 single bytes, then what each merge made.
  //
  // No two are equal. Let two places spell the same bytes t, cut differently, just before each
  // becomes one token. No token crosses the borders of t there, so none ever did (tokens only
  // grow), so the same merges in the same order worked on the same bytes and cut them alike.
  const std::vector<std::string>& tokens() const { return tokens_; }
  // Pairs of ids: merges()[i] made token 256 + i.
  const std::vector<std::pair<int32_t, int32_t>>& merges() const { return merges_; }

 private:
  using Pair = std::pair<int32_t, int32_t>;
  struct PairHash {
    std::size_t operator()(const Pair& p) const {
      return mix64(static_cast<uint64_t>(p.first) << 32 | static_cast<uint32_t>(p.second));
    }
  };
  struct Symbol {
    int32_t id;  // -1: merged into the symbol before
    int32_t previous;
    int32_t next;
    int32_t piece;
  };
  struct Places {
    int64_t count = 0;
    std::vector<int32_t> left;  // left symbols, ascending; some may have changed since
  };
  // Higher counts first, then smaller ids.
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return std::tie(count, other.pair) < std::tie(other.count, pair);
    }
  };

  Symbol& symbol(int32_t i) { return symbols_[static_cast<std::size_t>(i)]; }
  int64_t count_of(const Symbol& s) const { return counts_[static_cast<std::size_t>(s.piece)]; }
  Pair pair_at(int32_t left) { return {symbol(left).id, symbol(symbol(left).next).id}; }
  void gain(int32_t left);
  void lose(int32_t left);
  void merge_at(int32_t left, int32_t result);
  void queue_gained();

  std::vector<std::string> tokens_;
  std::vector<Pair> merges_;
  std::vector<int64_t> counts_;  // by piece
  std::vector<Symbol> symbols_;
  std::unordered_map<Pair, Places, PairHash> pairs_;
  std::vector<Pair> gained_;  // pairs that gained places since queue_gained()
  // One candidate per pair. A pair gains places only while the newer of its two tokens is made;
  // later its count can only fall, which is noticed when the candidate reaches the top.
  std::priority_queue<Candidate> queue_;
};

}  // namespace onebit
