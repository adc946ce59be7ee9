#include "text/bpe.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <tuple>

#include "base/error.h"

namespace onebit {

MergeTable::MergeTable(std::span<const Merge> merges, int64_t n_symbols) {
  // Counting sort by left symbol: keeps the order of the list within a row.
  std::vector<int32_t> end(static_cast<std::size_t>(n_symbols) + 1, 0);
  for (const Merge& m : merges) ++end[static_cast<std::size_t>(m.left)];
  for (std::size_t i = 1; i < end.size(); ++i) end[i] += end[i - 1];
  std::vector<Partner> sorted(merges.size());
  for (std::size_t i = merges.size(); i-- > 0;) {
    const Merge& m = merges[i];
    sorted[static_cast<std::size_t>(--end[static_cast<std::size_t>(m.left)])] = {m.right, m.result,
                                                                                 m.rank};
  }
  // Now end[i] is where row i begins.
  row_.reserve(end.size());
  partners_.reserve(sorted.size());
  for (std::size_t i = 0; i < end.size(); ++i) {
    row_.push_back(static_cast<int32_t>(partners_.size()));
    const auto first = sorted.begin() + end[i];
    const auto last = i + 1 < end.size() ? sorted.begin() + end[i + 1] : sorted.end();
    std::stable_sort(first, last, [](const Partner& a, const Partner& b) {
      return std::tie(a.right, a.rank) < std::tie(b.right, b.rank);
    });
    std::unique_copy(first, last, std::back_inserter(partners_),
                     [](const Partner& a, const Partner& b) { return a.right == b.right; });
  }
}

const MergeTable::Partner* MergeTable::find(int32_t left, int32_t right) const {
  const auto* first = partners_.data() + row_[static_cast<std::size_t>(left)];
  const auto* last = partners_.data() + row_[static_cast<std::size_t>(left) + 1];
  const auto* at = std::ranges::lower_bound(first, last, right, {}, &Partner::right);
  return at != last && at->right == right ? at : nullptr;
}

// Looks up the pair of `left` and the node after it; true if it merges and went into the queue.
bool BpeMerger::enqueue(int32_t left) {
  Node& l = node(left);
  const auto* merge = l.next < 0 ? nullptr : table_.find(l.id, node(l.next).id);
  l.rank = merge == nullptr ? -1 : merge->rank;
  if (merge == nullptr) return false;
  l.result = merge->result;
  queue_.push_back(static_cast<uint64_t>(merge->rank) << 32 | static_cast<uint32_t>(left));
  ++n_queued_;
  return true;
}

void BpeMerger::merge(std::span<const int32_t> symbols, std::vector<int32_t>& out) {
  ONEBIT_CHECK(symbols.size() < std::size_t{1} << 31);
  const auto n = static_cast<int32_t>(symbols.size());
  nodes_.clear();
  queue_.clear();
  for (int32_t i = 0; i < n; ++i) {
    nodes_.push_back({symbols[static_cast<std::size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1, -1, -1});
  }
  for (int32_t i = 0; i + 1 < n; ++i) enqueue(i);
  std::ranges::make_heap(queue_, std::greater{});

  const auto push = [&](int32_t left) {
    if (enqueue(left)) std::ranges::push_heap(queue_, std::greater{});
  };
  while (!queue_.empty()) {
    const uint64_t head = queue_.front();
    std::ranges::pop_heap(queue_, std::greater{});
    queue_.pop_back();
    const auto i = static_cast<int32_t>(head & 0xffffffffu);
    Node& left = node(i);
    // Merges since this pair was queued may have changed it, or taken `left` itself.
    if (left.rank != static_cast<int32_t>(head >> 32)) continue;
    Node& right = node(left.next);
    left.id = left.result;
    left.next = right.next;
    right.rank = -1;
    if (left.next >= 0) node(left.next).previous = i;
    push(i);
    if (left.previous >= 0) push(left.previous);
  }
  for (int32_t i = n > 0 ? 0 : -1; i >= 0; i = node(i).next) out.push_back(node(i).id);
}

}  // namespace onebit
