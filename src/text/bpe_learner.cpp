#include "text/bpe_learner.h"

#include <algorithm>

namespace onebit {

BpeLearner::BpeLearner() {
  for (int byte = 0; byte < 256; ++byte) tokens_.emplace_back(1, static_cast<char>(byte));
}

void BpeLearner::gain(int32_t left) {
  const Pair pair = pair_at(left);
  Places& places = pairs_[pair];
  places.count += count_of(symbol(left));
  places.left.push_back(left);
  gained_.push_back(pair);
}

void BpeLearner::lose(int32_t left) {
  pairs_[pair_at(left)].count -= count_of(symbol(left));
}

void BpeLearner::queue_gained() {
  std::ranges::sort(gained_);
  gained_.erase(std::ranges::unique(gained_).begin(), gained_.end());
  for (const Pair& pair : gained_) {
    const int64_t count = pairs_[pair].count;
    if (count > 0) queue_.push({count, pair});
  }
  gained_.clear();
}

void BpeLearner::add_piece(std::string_view piece, int64_t count) {
  const auto n = static_cast<int32_t>(piece.size());
  const auto first = static_cast<int32_t>(symbols_.size());
  const auto index = static_cast<int32_t>(counts_.size());
  counts_.push_back(count);
  for (int32_t i = 0; i < n; ++i) {
    const auto byte = static_cast<uint8_t>(piece[static_cast<std::size_t>(i)]);
    symbols_.push_back({byte, i > 0 ? first + i - 1 : -1, i + 1 < n ? first + i + 1 : -1, index});
  }
  for (int32_t i = 0; i + 1 < n; ++i) gain(first + i);
}

void BpeLearner::merge_at(int32_t left, int32_t result) {
  Symbol& s = symbol(left);
  const int32_t previous = s.previous;
  const int32_t right = s.next;
  const int32_t next = symbol(right).next;
  lose(left);
  if (previous >= 0) lose(previous);
  if (next >= 0) lose(right);
  s.id = result;
  s.next = next;
  symbol(right).id = -1;
  if (next >= 0) symbol(next).previous = left;
  if (previous >= 0) gain(previous);
  if (next >= 0) gain(left);
}

bool BpeLearner::step(int64_t min_count) {
  queue_gained();
  while (!queue_.empty()) {
    const auto [count, pair] = queue_.top();
    if (count < min_count) return false;
    queue_.pop();
    const auto at = pairs_.find(pair);
    if (count != at->second.count) {
      queue_.push({at->second.count, pair});
      continue;
    }
    const auto [left, right] = pair;
    const auto result = static_cast<int32_t>(tokens_.size());
    tokens_.push_back(tokens_[static_cast<std::size_t>(left)] +
                      tokens_[static_cast<std::size_t>(right)]);
    merges_.push_back(pair);
    // Leftmost first, as the encoder merges ("aaa" is "aa" "a").
    const std::vector<int32_t> places = std::move(at->second.left);
    for (const int32_t i : places) {
      if (symbol(i).id == left && symbol(i).next >= 0 && pair_at(i) == pair) merge_at(i, result);
    }
    pairs_.erase(pair);
    return true;
  }
  return false;
}

}  // namespace onebit
