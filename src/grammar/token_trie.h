// The tokens of a vocabulary by their bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace onebit {

// Built once for a tokenizer, which must outlive it. Any number of threads may use one.
class TokenTrie {
 public:
  // Tokens of more bytes are in no trie, so no grammar allows them (the longest of Llama 3 are runs
  // of 128 spaces).
  static constexpr std::size_t kMaxTokenBytes = 256;

  // Tokens of more bytes are a trie of their own, behind that of the short ones: few, where all
  // that the short ones may do is known of a state.
  static constexpr std::size_t kShortBytes = 24;

  // A byte string that tokens begin with. Nodes lie in preorder, so that the tokens that go on
  // from node i are the nodes i + 1 .. end - 1, and skipping them is a jump to `end`.
  struct Node {
    uint32_t end;
    uint32_t first_token;  // of tokens that are exactly this, up to the next node's
    uint16_t depth;        // bytes, from 1
    uint8_t byte;          // the last one
  };

  explicit TokenTrie(const Tokenizer& tokenizer);

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size() - 1); }
  // Nodes of short tokens, which come first.
  uint32_t short_size() const { return short_size_; }
  const Node& operator[](uint32_t node) const { return nodes_[node]; }
  std::span<const int32_t> tokens(uint32_t node) const {
    return std::span<const int32_t>(tokens_).subspan(
        nodes_[node].first_token, nodes_[node + 1].first_token - nodes_[node].first_token);
  }

  // What ends a text (Tokenizer::is_stop); these are no nodes, whatever their text.
  std::span<const int32_t> stop_tokens() const { return stop_tokens_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  // Of a mask with one bit a token, 64 tokens a word.
  std::size_t mask_words() const {
    return (static_cast<std::size_t>(tokenizer_.n_vocab()) + 63) / 64;
  }

 private:
  using Token = std::pair<std::string_view, int32_t>;
  void add(const std::vector<Token>& sorted);

  const Tokenizer& tokenizer_;
  uint32_t short_size_ = 0;
  std::vector<Node> nodes_;  // and one more, behind the last
  std::vector<int32_t> tokens_;
  std::vector<int32_t> stop_tokens_;
};

}  // namespace onebit
