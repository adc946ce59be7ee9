#include "grammar/token_masks.h"

#include <algorithm>

#include "base/error.h"
#include "grammar/trie_walk.h"

namespace onebit {
namespace {

static_assert(TokenTrie::kShortBytes <= Automaton::kAlikeBytes);

void allow(std::span<uint64_t> mask, std::span<const int32_t> tokens) {
  for (const int32_t id : tokens) mask[static_cast<std::size_t>(id) / 64] |= uint64_t{1} << id % 64;
}

template <typename T>
int64_t bytes_of(const std::vector<T>& v) {
  return static_cast<int64_t>(v.capacity() * sizeof(T));
}

}  // namespace

int64_t TokenMasks::StateMask::bytes() const {
  constexpr int64_t kEntry = 256;  // the cache's own, about
  return kEntry + bytes_of(mask) + bytes_of(tokens) + bytes_of(exits);
}

TokenMasks::TokenMasks(std::shared_ptr<const Automaton> automaton,
                       std::shared_ptr<const TokenTrie> trie, int64_t cache_bytes,
                       std::shared_ptr<MemoryBudget> memory)
    : automaton_(std::move(automaton)),
      trie_(std::move(trie)),
      cache_bytes_(cache_bytes),
      memory_(std::move(memory)) {}

TokenMasks::~TokenMasks() {
  if (memory_) memory_->give(cached_bytes_);
}

struct TokenMasks::Filling {
  Filling(const TokenMasks& masks, std::span<uint64_t> out)
      : mask(out), walk(*masks.automaton_, *masks.trie_, budget) {}
  std::span<uint64_t> mask;
  WorkBudget budget;
  TrieWalk walk;
  std::vector<std::pair<Key, StateMaskPtr>> met;  // and charged for
};

TokenMasks::StateMaskPtr TokenMasks::make_state_mask(Key key, int below) const {
  const bool long_tokens = key % 2 != 0;
  auto made = std::make_shared<StateMask>();
  WorkBudget budget;
  TrieWalk walk(*automaton_, *trie_, budget, below);
  StackSet only;
  only.tops.push_back({static_cast<uint32_t>(key / 2), nullptr});
  const uint32_t middle = trie_->short_size();
  walk.walk(long_tokens ? middle : 0, long_tokens ? trie_->size() : middle,
            walk.intern(std::move(only)), [&](uint32_t node, TrieWalk::SetId after) {
              const auto tokens = trie_->tokens(node);
              made->tokens.insert(made->tokens.end(), tokens.begin(), tokens.end());
              const bool is_leaf = (*trie_)[node].end == node + 1;
              if (!is_leaf && walk.set(after).can_end) made->exits.push_back(node);
            });
  made->deepest = walk.cost().deepest;
  made->is_plain = walk.cost().is_plain;
  made->work = budget.spent();
  if (made->tokens.size() * sizeof(int32_t) > trie_->mask_words() * sizeof(uint64_t)) {
    made->mask.resize(trie_->mask_words());
    allow(made->mask, made->tokens);
    made->tokens = {};
  }
  made->tokens.shrink_to_fit();
  made->exits.shrink_to_fit();
  return made;
}

TokenMasks::StateMaskPtr TokenMasks::cached_mask(Key key) const {
  {
    const std::lock_guard lock(mutex_);
    const auto known = cache_.find(key);
    if (known != cache_.end()) {
      used_.splice(used_.begin(), used_, known->second.used);
      return known->second.mask;
    }
  }
  auto made = make_state_mask(key, 0);  // two threads may make the same: no harm
  const std::lock_guard lock(mutex_);
  if (cache_.contains(key)) return made;
  std::list<Key> fresh{key};
  cache_.emplace(key, Cached{made, fresh.begin()});
  while (!take_memory(made->bytes())) {
    if (used_.empty()) {
      cache_.erase(key);
      return made;
    }
    const auto oldest = cache_.find(used_.back());
    const int64_t bytes = oldest->second.mask->bytes();
    cached_bytes_ -= bytes;
    if (memory_) memory_->give(bytes);
    cache_.erase(oldest);
    used_.pop_back();
  }
  used_.splice(used_.begin(), fresh);
  return made;
}

bool TokenMasks::take_memory(int64_t bytes) const {
  if (cached_bytes_ + bytes > cache_bytes_ || (memory_ && !memory_->take(bytes))) return false;
  cached_bytes_ += bytes;
  return true;
}

const TokenMasks::StateMask& TokenMasks::state_mask(Key key, Filling& filling) const {
  for (const auto& [known, mask] : filling.met) {
    if (known == key) return *mask;
  }
  auto mask = cached_mask(key);
  filling.budget.charge(mask->work);
  return *filling.met.emplace_back(key, std::move(mask)).second;
}

int64_t TokenMasks::cached_bytes() const {
  const std::lock_guard lock(mutex_);
  return cached_bytes_;
}

void TokenMasks::fill(const StackSet& state, bool drop_space, std::span<uint64_t> mask) const {
  ONEBIT_CHECK(mask.size() == trie_->mask_words());
  std::fill(mask.begin(), mask.end(), 0);
  if (state.can_end) allow(mask, trie_->stop_tokens());
  Filling filling(*this, mask);
  if (drop_space) return fill_dropping_space(state, filling);
  for (const StackSet::Top& top : state.tops) {
    add_top(top, false, filling);
    add_top(top, true, filling);
  }
}

void TokenMasks::add_top(const StackSet::Top& top, bool long_tokens, Filling& filling) const {
  const Key own_key = Key{top.state} * 2 + (long_tokens ? 1 : 0);
  const StateMask* own = nullptr;
  if (const uint32_t alike = automaton_->alike(top.state); !long_tokens && alike != top.state) {
    own = &state_mask(Key{alike} * 2, filling);
    // What meets in one of two states that are alike need not meet in the other: where ways may
    // have to be forgotten they are not the same.
    if (!own->is_plain) own = nullptr;
  }
  if (own == nullptr) own = &state_mask(own_key, filling);
  StateMaskPtr shallow;
  const int depth = depth_of(top.stack);
  if (depth + own->deepest > automaton_->max_depth()) {
    // So deep that not everything that the state could do without a stack is possible.
    shallow = make_state_mask(own_key, depth);
    filling.budget.charge(shallow->work);
    own = shallow.get();
  }
  for (std::size_t i = 0; i < own->mask.size(); ++i) filling.mask[i] |= own->mask[i];
  allow(filling.mask, own->tokens);
  if (top.stack == nullptr || own->exits.empty()) return;
  TrieWalk& walk = filling.walk;
  const auto rest = walk.intern(returned(*automaton_, top.stack, walk.cost()));
  for (const uint32_t exit : own->exits) {
    walk.walk(exit + 1, (*trie_)[exit].end, rest,
              [&](uint32_t node, TrieWalk::SetId) { allow(filling.mask, trie_->tokens(node)); });
  }
}

// A token " x" stands for "x" here, and so does "x". Rare: once a text at most, before its first
// token, where no call is open: all is one top without a stack.
void TokenMasks::fill_dropping_space(const StackSet& state, Filling& filling) const {
  TrieWalk& walk = filling.walk;
  const auto from = walk.intern(state);
  const auto allow_if = [&](bool drops) {
    return [&, drops](uint32_t node, TrieWalk::SetId) {
      for (const int32_t id : trie_->tokens(node)) {
        bool at_start = true;
        const auto all = trie_->tokenizer().token_bytes(id).size();
        const auto left = trie_->tokenizer().decode_next(id, at_start).size();
        if ((left < all) == drops) allow(filling.mask, {&id, 1});
      }
    };
  };
  walk.walk(0, trie_->size(), from, allow_if(false));
  for (uint32_t node = 0; node < trie_->size(); node = (*trie_)[node].end) {
    const TokenTrie::Node& first = (*trie_)[node];
    if (first.byte == ' ') walk.walk(node + 1, first.end, from, allow_if(true));
  }
}

ConstrainedText::ConstrainedText(std::shared_ptr<const TokenMasks> masks, bool at_start)
    : masks_(std::move(masks)), matcher_(masks_->automaton()), at_start_(at_start) {
  const Vocab& vocab = masks_->trie().tokenizer().vocab();
  drops_space_ = vocab.model == VocabModel::kSpm && vocab.add_space_prefix;
}

std::span<const uint64_t> ConstrainedText::mask() {
  mask_.resize(masks_->trie().mask_words());
  masks_->fill(matcher_.state(), at_start_ && drops_space_, mask_);
  return mask_;
}

bool ConstrainedText::accept(int32_t token) {
  const Tokenizer& tokenizer = masks_->trie().tokenizer();
  if (tokenizer.is_stop(token)) return matcher_.can_end();
  bool at_start = at_start_;
  const std::string_view bytes = tokenizer.decode_next(token, at_start);
  if (bytes.empty() || bytes.size() > TokenTrie::kMaxTokenBytes) return false;
  if (!matcher_.accept(bytes)) return false;
  at_start_ = at_start;
  return true;
}

}  // namespace onebit
