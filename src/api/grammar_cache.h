// Grammars that requests have asked for, compiled for the vocabulary.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "engine/generate.h"
#include "grammar/grammar.h"
#include "grammar/token_masks.h"
#include "text/tokenizer.h"

namespace onebit::api {

// The least recently used go first when the limit of bytes is reached; those that requests hold
// live as long as these. Any number of threads may use one. No lock is held while a grammar is
// compiled, which may take long: two threads that ask for a new one at the same time both compile
// it, and get the same one.
class GrammarCache {
 public:
  static constexpr int64_t kDefaultBytes = int64_t{128} << 20;

  // `tokenizer` must outlive this. An entry counts with all that its masks may ever take, so that
  // the limit holds however they grow.
  explicit GrammarCache(const Tokenizer& tokenizer, int64_t max_bytes = kDefaultBytes);

  // The masks of the grammar that `key` stands for. `make` is called if they are not there, and may
  // throw; so does Automaton.
  std::shared_ptr<const TokenMasks> get(const std::string& key,
                                        const std::function<Grammar()>& make);

  int64_t bytes() const;
  std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const TokenMasks> masks;
    int64_t bytes;
    std::list<std::string>::iterator used;
  };
  std::shared_ptr<const TokenTrie> trie();

  const Tokenizer& tokenizer_;
  const int64_t max_bytes_;
  std::once_flag trie_once_;  // models that nobody asks for grammars need none
  std::shared_ptr<const TokenTrie> trie_;

  mutable std::mutex mutex_;  // of all below
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> used_;  // the last used first
  int64_t bytes_ = 0;
};

// For a text that follows `prompt`.
std::shared_ptr<TokenConstraint> begin_text(std::shared_ptr<const TokenMasks> masks,
                                            const Tokenizer& tokenizer,
                                            std::span<const int32_t> prompt);

}  // namespace onebit::api
