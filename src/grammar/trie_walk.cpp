#include "grammar/trie_walk.h"

namespace onebit {

TrieWalk::SetId TrieWalk::intern(StackSet set) {
  if (set.is_dead()) return kDead;
  cost_.budget.charge(std::ssize(set.tops));
  const uint64_t hash = hash_of(set);
  for (auto [it, end] = ids_.equal_range(hash); it != end; ++it) {
    if (this->set(it->second) == set) return it->second;
  }
  constexpr int64_t kUnitsASet = 128;  // a kilobyte of steps to come
  cost_.budget.charge(kUnitsASet);
  const auto id = static_cast<SetId>(sets_.size()) + kFirst;
  ids_.emplace(hash, id);
  sets_.push_back(std::move(set));
  next_.resize(next_.size() + 256, kUnknown);
  return id;
}

TrieWalk::SetId TrieWalk::find_step(SetId from, uint8_t byte) {
  constexpr int64_t kUnitsAStep = 32;
  cost_.budget.charge(kUnitsAStep);
  const SetId next = intern(advance(automaton_, set(from), byte, cost_, below_));
  next_[(from - kFirst) * 256 + byte] = next;
  return next;
}

}  // namespace onebit
