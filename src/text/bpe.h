// The merges of byte-pair encoding (Sennrich et al. 2016; on bytes: Radford et al. 2019), by id.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace onebit {

struct Merge {
  int32_t left;
  int32_t right;
  int32_t result;
  int32_t rank;  // lower ranks merge first; pairs may share one
};

// What every pair of symbols merges into.
class MergeTable {
 public:
  MergeTable() = default;
  // Symbols must be in [0, n_symbols), ranks not negative. Of a pair listed twice the lowest rank
  // counts, the first listed among equals.
  MergeTable(std::span<const Merge> merges, int64_t n_symbols);

  struct Partner {
    int32_t right;
    int32_t result;
    int32_t rank;
  };
  // nullptr: the pair does not merge.
  const Partner* find(int32_t left, int32_t right) const;

 private:
  // The partners of `left` are row_[left] .. row_[left + 1], sorted by `right`. Sorted rows, not a
  // hash table: no file can make them slow.
  std::vector<int32_t> row_;
  std::vector<Partner> partners_;
};

// Merges one piece at a time; reusable, one per thread.
class BpeMerger {
 public:
  explicit BpeMerger(const MergeTable& table) : table_(table) {}

  // Starting from `symbols`, merges the adjacent pair of lowest rank, the leftmost of equals, until
  // none merges; appends the rest to `out`. O(n log n) for n symbols, n < 2^31.
  void merge(std::span<const int32_t> symbols, std::vector<int32_t>& out);

  // Pairs queued since construction: the measure of work. At most 3 per symbol.
  int64_t n_queued() const { return n_queued_; }

 private:
  struct Node {
    int32_t id;
    int32_t previous;
    int32_t next;
    int32_t rank;    // of the merge with the next node; -1: none, or merged into the node before
    int32_t result;  // of that merge
  };
  Node& node(int32_t i) { return nodes_[static_cast<std::size_t>(i)]; }
  bool enqueue(int32_t left);

  const MergeTable& table_;
  std::vector<Node> nodes_;
  std::vector<uint64_t> queue_;  // min-heap of rank << 32 | left node
  int64_t n_queued_ = 0;
};

}  // namespace onebit
