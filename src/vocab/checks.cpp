#include "vocab/checks.h"

#include <algorithm>

#include "text/utf8.h"

namespace onebit::vocab {

void fail(const std::string& file, std::string_view field, std::string_view expected,
          std::string_view found, ErrorCode code) {
  std::string message = file + ": ";
  message.append(field).append(": expected ").append(expected).append(", found ").append(found);
  throw Error(code, std::move(message));
}

void make_room(Vocab& vocab, int64_t max_id, std::size_t n_more, const std::string& file,
               std::string_view field) {
  const auto known = static_cast<int64_t>(vocab.tokens.size() + n_more);
  const int64_t limit = std::min(kMaxTokens, known + kMaxHoles);
  if (max_id >= limit) {
    fail(file, field, "ids below " + std::to_string(limit), std::to_string(max_id));
  }
  if (max_id < static_cast<int64_t>(vocab.tokens.size())) return;
  const auto n = static_cast<std::size_t>(max_id) + 1;
  vocab.tokens.resize(n);
  vocab.types.resize(n, static_cast<int32_t>(TokenType::kUnused));
  if (vocab.model == VocabModel::kSpm) vocab.scores.resize(n);
}

void place_token(Vocab& vocab, int64_t id, std::string text, TokenType type,
                 const std::string& file, std::string_view field) {
  std::string& place = vocab.tokens[static_cast<std::size_t>(id)];
  if (type_of(vocab, id) != TokenType::kUnused) {
    fail(file, field, "id " + std::to_string(id) + " once",
         quote(place, 40) + " and " + quote(text, 40));
  }
  if (utf8_valid_prefix(text) != text.size()) {
    fail(file, field, "UTF-8 in token " + std::to_string(id), quote(text));
  }
  place = std::move(text);
  set_type(vocab, id, type);
}

void add_stop(Vocab& vocab, int32_t id) {
  if (id < 0 || id == vocab.eos_id) return;
  if (std::ranges::find(vocab.stop_ids, id) == vocab.stop_ids.end()) vocab.stop_ids.push_back(id);
}

bool is_byte_token(std::string_view text) {
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
  };
  return text.size() == 6 && text.starts_with("<0x") && is_hex(text[3]) && is_hex(text[4]) &&
         text[5] == '>';
}

}  // namespace onebit::vocab
