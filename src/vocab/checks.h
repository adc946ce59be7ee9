// What the readers of this folder share: limits, and how tokens get their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

namespace onebit::vocab {

inline constexpr int64_t kMaxTokens = Tokenizer::kMaxTokens;
inline constexpr int64_t kMaxMerges = Tokenizer::kMaxMerges;
// Ids that a file may leave out: a few bytes must not buy two million empty tokens.
inline constexpr int64_t kMaxHoles = 65536;
inline constexpr int64_t kMaxTemplateBytes = int64_t{1} << 20;

// Error "FILE: FIELD: expected X, found Y". `found` is quoted by the caller where it is foreign.
[[noreturn]] void fail(const std::string& file, std::string_view field, std::string_view expected,
                       std::string_view found, ErrorCode code = ErrorCode::kInvalidFile);

// Makes every id up to `max_id` valid; new ones are holes (kUnused, no text). `n_more` tokens are
// about to come.
void make_room(Vocab& vocab, int64_t max_id, std::size_t n_more, const std::string& file,
               std::string_view field);

// Fills the hole at `id` (which has room). Refuses an id that is taken and text that is not UTF-8.
void place_token(Vocab& vocab, int64_t id, std::string text, TokenType type,
                 const std::string& file, std::string_view field);

inline TokenType type_of(const Vocab& vocab, int64_t id) {
  return static_cast<TokenType>(vocab.types[static_cast<std::size_t>(id)]);
}

inline void set_type(Vocab& vocab, int64_t id, TokenType type) {
  vocab.types[static_cast<std::size_t>(id)] = static_cast<int32_t>(type);
}

// Generation ends at `id` too. Nothing changes if it already does, or if there is no such id (-1).
void add_stop(Vocab& vocab, int32_t id);

// "<0xHH>" exactly.
bool is_byte_token(std::string_view text);

}  // namespace onebit::vocab
