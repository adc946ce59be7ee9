#include "grammar/token_trie.h"

#include <algorithm>
#include <string_view>

namespace onebit {

TokenTrie::TokenTrie(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  std::vector<Token> short_tokens;
  std::vector<Token> long_tokens;
  for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    if (tokenizer.is_stop(id)) {
      stop_tokens_.push_back(id);
    } else if (!bytes.empty() && bytes.size() <= kMaxTokenBytes) {
      (bytes.size() <= kShortBytes ? short_tokens : long_tokens).emplace_back(bytes, id);
    }
  }
  std::sort(short_tokens.begin(), short_tokens.end());
  std::sort(long_tokens.begin(), long_tokens.end());
  add(short_tokens);
  short_size_ = static_cast<uint32_t>(nodes_.size());
  add(long_tokens);
  nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), 0, 0});
}

void TokenTrie::add(const std::vector<Token>& sorted) {
  std::vector<uint32_t> open;  // the nodes of the last token, by depth
  const auto close = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) {
      nodes_[open.back()].end = static_cast<uint32_t>(nodes_.size());
    }
  };
  std::string_view last;
  for (const auto& [bytes, id] : sorted) {
    const auto differs = std::mismatch(last.begin(), last.end(), bytes.begin(), bytes.end());
    close(static_cast<std::size_t>(differs.second - bytes.begin()));
    for (std::size_t i = open.size(); i < bytes.size(); ++i) {
      open.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), static_cast<uint16_t>(i + 1),
                        static_cast<uint8_t>(bytes[i])});
    }
    tokens_.push_back(id);
    last = bytes;
  }
  close(0);
}

}  // namespace onebit
