#include "text/bpe.h"

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace onebit {

MergeTable::MergeTable(std::vector<Merge> merges, int64_t n_tokens) : merges_(std::move(merges)) {
  std::vector<int32_t> order(merges_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  const auto pair_of = [&](int32_t r) { return std::pair{(*this)[r].left, (*this)[r].right}; };
  std::ranges::stable_sort(order, {}, pair_of);  // stable: the lowest rank of equals comes first
  order.erase(std::ranges::unique(order, {}, pair_of).begin(), order.end());

  row_.assign(static_cast<std::size_t>(n_tokens) + 1, 0);
  for (const int32_t r : order) {
    partners_.push_back({(*this)[r].right, r});
    ++row_[static_cast<std::size_t>((*this)[r].left) + 1];
  }
  for (std::size_t i = 1; i < row_.size(); ++i) row_[i] += row_[i - 1];
}

int32_t MergeTable::rank(int32_t left, int32_t right) const {
  const auto* first = partners_.data() + row_[static_cast<std::size_t>(left)];
  const auto* last = partners_.data() + row_[static_cast<std::size_t>(left) + 1];
  const auto* at = std::ranges::lower_bound(first, last, right, {}, &Partner::right);
  return at != last && at->right == right ? at->rank : -1;
}

void BpeMerger::enqueue(int32_t left, int32_t right) {
  const int32_t rank = table_.rank(nodes_[static_cast<std::size_t>(left)].id,
                                   nodes_[static_cast<std::size_t>(right)].id);
  if (rank < 0) return;
  queue_.push_back(static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(left));
  ++n_queued_;
}

void BpeMerger::merge(std::span<const int32_t> symbols, std::vector<int32_t>& out) {
  ONEBIT_CHECK(symbols.size() < std::size_t{1} << 31);
  const auto n = static_cast<int32_t>(symbols.size());
  nodes_.clear();
  queue_.clear();
  for (int32_t i = 0; i < n; ++i) {
    nodes_.push_back({symbols[static_cast<std::size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1});
  }
  for (int32_t i = 0; i + 1 < n; ++i) enqueue(i, i + 1);
  std::ranges::make_heap(queue_, std::greater{});

  const auto enqueue_pair = [&](int32_t left, int32_t right) {
    const std::size_t before = queue_.size();
    enqueue(left, right);
    if (queue_.size() > before) std::ranges::push_heap(queue_, std::greater{});
  };
  while (!queue_.empty()) {
    std::ranges::pop_heap(queue_, std::greater{});
    const uint64_t head = queue_.back();
    queue_.pop_back();
    const Merge& merge = table_[static_cast<int32_t>(head >> 32)];
    const auto i = static_cast<int32_t>(head & 0xffffffffu);
    Node& left = nodes_[static_cast<std::size_t>(i)];
    // An earlier merge may have consumed either side since this pair was queued.
    if (left.id != merge.left || left.next < 0) continue;
    Node& right = nodes_[static_cast<std::size_t>(left.next)];
    if (right.id != merge.right) continue;
    left.id = merge.result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) {
      nodes_[static_cast<std::size_t>(left.next)].previous = i;
      enqueue_pair(i, left.next);
    }
    if (left.previous >= 0) enqueue_pair(left.previous, i);
  }
  for (int32_t i = n > 0 ? 0 : -1; i >= 0; i = nodes_[static_cast<std::size_t>(i)].next) {
    out.push_back(nodes_[static_cast<std::size_t>(i)].id);
  }
}

}  // namespace onebit
