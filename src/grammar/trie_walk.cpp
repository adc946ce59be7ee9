#include "grammar/trie_walk.h"

namespace onebit {

TrieWalk::SetId TrieWalk::intern(StackSet set) {
  if (set.is_dead()) return kDead;
  const uint64_t hash = hash_of(set);
  for (auto [it, end] = ids_.equal_range(hash); it != end; ++it) {
    if (this->set(it->second) == set) return it->second;
  }
  if (sets_.size() == kMaxSets) return kDead;
  const auto id = static_cast<SetId>(sets_.size()) + kFirst;
  ids_.emplace(hash, id);
  sets_.push_back(std::move(set));
  next_.resize(next_.size() + 256, kUnknown);
  return id;
}

TrieWalk::SetId TrieWalk::find_step(SetId from, uint8_t byte) {
  SetId next = kDead;
  if (cost_.work <= kMaxWork) next = intern(advance(automaton_, set(from), byte, &cost_));
  next_[(from - kFirst) * 256 + byte] = next;
  return next;
}

}  // namespace onebit
