#include "api/grammar_cache.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace onebit::api {
namespace {

constexpr int64_t kMostMaskBytes = int64_t{16} << 20;  // of one grammar
// Of a state with its edges, about: states are small, edges a few each.
constexpr int64_t kBytesPerState = 128;

class GrammarConstraint : public TokenConstraint {
 public:
  explicit GrammarConstraint(ConstrainedText text) : text_(std::move(text)) {}
  std::span<const uint64_t> mask() override { return text_.mask(); }
  void accept(int32_t token) override {
    if (text_.accept(token)) return;
    throw Error(ErrorCode::kUnsupported, "grammar: expected at most " + std::to_string(kMaxTops) +
                                             " ways to read a text, found more");
  }

 private:
  ConstrainedText text_;
};

}  // namespace

GrammarCache::GrammarCache(const Tokenizer& tokenizer, int64_t max_bytes)
    : tokenizer_(tokenizer), max_bytes_(max_bytes) {}

std::shared_ptr<const TokenTrie> GrammarCache::trie() {
  std::call_once(trie_once_, [this] { trie_ = std::make_shared<const TokenTrie>(tokenizer_); });
  return trie_;
}

std::shared_ptr<const TokenMasks> GrammarCache::get(const std::string& key,
                                                    const std::function<Grammar()>& make) {
  const auto find = [&]() -> std::shared_ptr<const TokenMasks> {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    used_.splice(used_.begin(), used_, found->second.used);
    return found->second.masks;
  };
  {
    const std::lock_guard lock(mutex_);
    if (auto masks = find()) return masks;
  }
  auto automaton = std::make_shared<const Automaton>(make());
  const auto states = static_cast<int64_t>(automaton->n_states());
  auto made = std::make_shared<const TokenMasks>(std::move(automaton), trie(), kMostMaskBytes);
  const int64_t bytes =
      static_cast<int64_t>(2 * key.size()) + states * kBytesPerState + kMostMaskBytes;

  const std::lock_guard lock(mutex_);
  if (auto masks = find()) return masks;  // another thread was faster
  while (!used_.empty() && bytes_ + bytes > max_bytes_) {
    const auto last = entries_.find(used_.back());
    bytes_ -= last->second.bytes;
    entries_.erase(last);
    used_.pop_back();
  }
  if (bytes > max_bytes_) return made;
  used_.push_front(key);
  entries_.emplace(key, Entry{made, bytes, used_.begin()});
  bytes_ += bytes;
  return made;
}

int64_t GrammarCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t GrammarCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::shared_ptr<TokenConstraint> begin_text(std::shared_ptr<const TokenMasks> masks,
                                            const Tokenizer& tokenizer,
                                            std::span<const int32_t> prompt) {
  bool at_start = true;
  for (const int32_t id : prompt) tokenizer.decode_next(id, at_start);
  return std::make_shared<GrammarConstraint>(ConstrainedText(std::move(masks), at_start));
}

}  // namespace onebit::api
