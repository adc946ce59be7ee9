// Texts out of token masks, for the targets of grammars.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "fuzz.h"
#include "grammar/token_masks.h"
#include "text/byte_alphabet.h"

namespace onebit::fuzz {

// All bytes, and a few longer tokens.
inline const std::shared_ptr<const TokenTrie>& small_trie() {
  static const Tokenizer tokenizer = [] {
    Vocab vocab;
    const auto add = [&](std::string_view text) {
      vocab.tokens.push_back(to_byte_alphabet(text));
      vocab.types.push_back(static_cast<int32_t>(TokenType::kNormal));
    };
    for (int b = 0; b < 256; ++b) add(std::string(1, static_cast<char>(b)));
    for (const char* text :
         {"{\"", "\":", "\"}", "],", "[[", "aa", "ab", "12", "\xc3\xa9\"", "  "}) {
      add(text);
    }
    vocab.tokens.emplace_back("<|end|>");
    vocab.types.push_back(static_cast<int32_t>(TokenType::kControl));
    vocab.eos_id = static_cast<int32_t>(vocab.tokens.size()) - 1;
    return Tokenizer(std::move(vocab));
  }();
  static const auto trie = std::make_shared<const TokenTrie>(tokenizer);
  return trie;
}

// At most 64 tokens; nothing if the text was not complete by then.
inline std::optional<std::string> write_text(const std::shared_ptr<const Automaton>& automaton,
                                             uint8_t seed) {
  const Tokenizer& tokenizer = small_trie()->tokenizer();
  const auto masks = std::make_shared<const TokenMasks>(automaton, small_trie(), 1 << 20);
  ConstrainedText text(masks);
  Rng rng(seed);
  std::string written;
  for (int i = 0; i < 64; ++i) {
    const auto mask = text.mask();
    std::vector<int32_t> allowed;
    for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) {
      if ((mask[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
    }
    if (allowed.empty()) return std::nullopt;  // more ways than are followed
    // Ends early, and writes signs more often than letters.
    if (text.can_end() && rng.below(4) == 0) return written;
    int32_t next = allowed[rng.below(allowed.size())];
    if (rng.below(2) == 0) next = std::min(next, allowed[rng.below(allowed.size())]);
    if (tokenizer.is_stop(next)) return written;
    for (int k = 0; k < 8; ++k) {  // whatever is forgotten of an ambiguous text
      require(ConstrainedText(text).accept(allowed[rng.below(allowed.size())]));
    }
    require(text.accept(next));
    written += tokenizer.token_bytes(next);
  }
  return std::nullopt;
}

}  // namespace onebit::fuzz
