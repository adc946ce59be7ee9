#include "api/grammar_cache.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"

namespace onebit::api {
namespace {

constexpr int64_t kMostMaskBytes = int64_t{16} << 20;  // of one grammar
constexpr int64_t kRoomForMasks = int64_t{4} << 20;    // that is made for one, if it can be
constexpr int64_t kEntryBytes = 4096;                  // of a grammar, besides what is counted

class GrammarConstraint : public TokenConstraint {
 public:
  explicit GrammarConstraint(ConstrainedText text) : text_(std::move(text)) {}
  std::span<const uint64_t> mask() override { return text_.mask(); }
  void accept(int32_t token) override {
    if (text_.accept(token)) return;
    throw Error(ErrorCode::kInvalidArgument,
                std::string(kGrammarErrors) + "expected a token of the mask, found another");
  }

 private:
  ConstrainedText text_;
};

}  // namespace

GrammarCache::GrammarCache(const Tokenizer& tokenizer, int64_t max_bytes)
    : tokenizer_(tokenizer),
      max_bytes_(max_bytes),
      memory_(std::make_shared<MemoryBudget>(max_bytes)) {}

std::shared_ptr<const TokenTrie> GrammarCache::trie() {
  std::call_once(trie_once_, [this] { trie_ = std::make_shared<const TokenTrie>(tokenizer_); });
  return trie_;
}

std::shared_ptr<const TokenMasks> GrammarCache::find(const std::string& tenant,
                                                     const std::string& key) {
  const auto owner = tenants_.find(tenant);
  if (owner == tenants_.end()) return nullptr;
  auto& [used, by_key] = owner->second;
  const auto entry = by_key.find(key);
  if (entry == by_key.end()) return nullptr;
  used.splice(used.begin(), used, entry->second);
  return used.front().masks;
}

void GrammarCache::make_room(int64_t bytes) {
  if (memory_->left() >= bytes) return;
  std::vector<std::pair<int64_t, decltype(tenants_)::iterator>> held;
  for (auto tenant = tenants_.begin(); tenant != tenants_.end(); ++tenant) {
    int64_t sum = 0;
    for (const Entry& entry : tenant->second.used) sum += entry.bytes();
    held.emplace_back(sum, tenant);
  }
  while (memory_->left() < bytes && !held.empty()) {
    const auto most = std::ranges::max_element(
        held, [](const auto& a, const auto& b) { return a.first < b.first; });
    auto& [used, by_key] = most->second->second;
    // Whoever holds masks got them from here, under the lock.
    const auto last = std::find_if(used.rbegin(), used.rend(),
                                   [](const Entry& entry) { return entry.masks.use_count() == 1; });
    if (last == used.rend()) {  // all of them are in use
      held.erase(most);
      continue;
    }
    most->first -= last->bytes();
    memory_->give(last->own_bytes);
    by_key.erase(last->key);
    used.erase(std::next(last).base());
    if (used.empty()) {
      tenants_.erase(most->second);
      held.erase(most);
    }
  }
}

std::shared_ptr<const TokenMasks> GrammarCache::get(const std::string& tenant,
                                                    const std::string& key,
                                                    const std::function<Grammar()>& make) {
  const int64_t room = std::min(kRoomForMasks, max_bytes_ / 8);
  {
    const std::lock_guard lock(mutex_);
    if (auto masks = find(tenant, key)) {
      make_room(room);
      return masks;
    }
  }
  auto automaton = std::make_shared<const Automaton>(make());
  const int64_t bytes = kEntryBytes + std::ssize(key) + automaton->bytes();
  auto made =
      std::make_shared<const TokenMasks>(std::move(automaton), trie(), kMostMaskBytes, memory_);
  const std::lock_guard lock(mutex_);
  if (auto masks = find(tenant, key)) return masks;  // another thread was faster
  make_room(room + bytes);
  std::list<Entry> fresh;
  fresh.push_back({key, made, bytes});
  auto& [used, by_key] = tenants_[tenant];
  by_key.emplace(fresh.front().key, fresh.begin());
  if (memory_->take(bytes)) {
    used.splice(used.begin(), fresh);
  } else {
    by_key.erase(fresh.front().key);
    if (used.empty()) tenants_.erase(tenant);
  }
  return made;
}

std::size_t GrammarCache::size() const {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& [name, tenant] : tenants_) n += tenant.used.size();
  return n;
}

std::shared_ptr<TokenConstraint> begin_text(std::shared_ptr<const TokenMasks> masks,
                                            const Tokenizer& tokenizer,
                                            std::span<const int32_t> prompt) {
  bool at_start = true;
  for (const int32_t id : prompt) tokenizer.decode_next(id, at_start);
  return std::make_shared<GrammarConstraint>(ConstrainedText(std::move(masks), at_start));
}

}  // namespace onebit::api
