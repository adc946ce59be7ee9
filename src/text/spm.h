// SentencePiece's BPE (Kudo and Richardson 2018) as merges by id.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.h"
#include "text/token_index.h"

namespace onebit {

inline constexpr std::size_t kMaxSpmMerges = std::size_t{1} << 24;
inline constexpr std::string_view kSpmSpace = "\xe2\x96\x81";  // U+2581, how files write a space

// SentencePiece merges the two neighbours whose joined text is the token of highest score, the
// leftmost of equals: the same as a merge for every way to cut a token into two symbols, ranked by
// the score of the token. Symbols are the tokens that `tokens` can find, and the characters with
// which they begin or end: those that are no tokens themselves are appended to `tokens` here.
// `scores` are by token id, none NaN. Time and memory are linear in the bytes of all tokens (but
// for sorting), whatever the vocabulary. Throws Error(kInvalidFile) for more than kMaxSpmMerges.
std::vector<Merge> spm_merges(TokenIndex& tokens, std::span<const float> scores);

// `text` with every U+2581 a space: files' tokens and users' texts alike.
std::string spm_spaces(std::string_view text);

// Whether no token has a space after anything else. Then no merge crosses the end of a word.
bool spm_words_are_separate(const TokenIndex& tokens);

}  // namespace onebit
