// Grammars that requests have asked for, compiled for the vocabulary.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/generate.h"
#include "grammar/grammar.h"
#include "grammar/token_masks.h"
#include "text/tokenizer.h"

namespace onebit::api {

// What the errors of a text under a grammar begin with: they are the request's, not the server's.
inline constexpr std::string_view kGrammarErrors = "grammar: ";

// Each tenant has its own grammars: whether one was there before tells nobody what others asked
// for. Together they keep to a limit of bytes. When it is reached the least recently used of the
// tenant that holds most goes first, but none that a request holds: that would free nothing. Any
// number of threads may use one. No lock is held while a grammar is compiled, which may take long:
// two threads that ask for a new one at the same time both compile it, and get the same one.
class GrammarCache {
 public:
  static constexpr int64_t kDefaultBytes = int64_t{128} << 20;

  // `tokenizer` must outlive this. Masks count as they are made, and are not kept where the limit
  // leaves no room: it holds however they grow.
  explicit GrammarCache(const Tokenizer& tokenizer, int64_t max_bytes = kDefaultBytes);

  // The masks of the grammar that `key` stands for. `make` is called if they are not there, and may
  // throw; so does Automaton.
  std::shared_ptr<const TokenMasks> get(const std::string& tenant, const std::string& key,
                                        const std::function<Grammar()>& make);

  // Of grammars that are kept, and of masks.
  int64_t bytes() const { return max_bytes_ - memory_->left(); }
  std::size_t size() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const TokenMasks> masks;
    int64_t own_bytes;  // without the masks
    int64_t bytes() const { return own_bytes + masks->cached_bytes(); }
  };
  struct Tenant {
    std::list<Entry> used;  // the last used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key;
  };
  std::shared_ptr<const TokenTrie> trie();
  std::shared_ptr<const TokenMasks> find(const std::string& tenant, const std::string& key);
  void make_room(int64_t bytes);

  const Tokenizer& tokenizer_;
  const int64_t max_bytes_;
  const std::shared_ptr<MemoryBudget> memory_;  // lives as long as masks that requests hold
  std::once_flag trie_once_;                    // models that nobody asks for grammars need none
  std::shared_ptr<const TokenTrie> trie_;

  mutable std::mutex mutex_;  // of all below
  std::map<std::string, Tenant> tenants_;
};

// For a text that follows `prompt`.
std::shared_ptr<TokenConstraint> begin_text(std::shared_ptr<const TokenMasks> masks,
                                            const Tokenizer& tokenizer,
                                            std::span<const int32_t> prompt);

}  // namespace onebit::api
