#include "text/tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/piece_cache.h"
#include "text/spm.h"

namespace onebit {

struct Tokenizer::Scratch {
  BpeMerger merger;
  PieceCache cache;
  std::vector<int32_t> symbols;
  std::vector<int32_t> merged;
  const char* origin;  // of the text, for messages
};

bool Tokenizer::is_stop(int32_t id) const {
  return id >= 0 && id < n_vocab() && is_stop_[static_cast<std::size_t>(id)];
}

std::vector<SpecialTokens::Part> Tokenizer::take_out(std::string_view text,
                                                     const EncodeOptions& options) const {
  const SpecialTokens& ours = options.parse_special ? all_ : always_;
  if (options.user_ranges.empty()) return ours.split(text);
  std::vector<SpecialTokens::Part> parts;
  const auto add = [&](std::size_t begin, std::size_t end, const SpecialTokens& specials) {
    for (const auto& part : specials.split(text.substr(begin, end - begin))) {
      SpecialTokens::Part* const last = parts.empty() ? nullptr : &parts.back();
      if (last && last->id < 0 && part.id < 0) {  // the text goes on
        last->text = {last->text.data(), last->text.size() + part.text.size()};
      } else {
        parts.push_back(part);
      }
    }
  };
  std::size_t done = 0;
  for (const auto& [begin, end] : options.user_ranges) {
    add(done, begin, ours);
    add(begin, end, users_);
    done = end;
  }
  add(done, text.size(), ours);
  return parts;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (text.size() > kMaxTextBytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "text: less than 2 GiB expected, found " + std::to_string(text.size()) + " bytes");
  }
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 8);
  if (options.add_bos && vocab_.add_bos) ids.push_back(vocab_.bos_id);
  Scratch scratch{BpeMerger(merges_), PieceCache(text.size()), {}, {}, text.data()};
  for (const auto& part : take_out(text, options)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
    } else if (is_spm()) {
      encode_text((vocab_.add_space_prefix ? " " : "") + spm_spaces(part.text), scratch, ids);
    } else {
      encode_text(part.text, scratch, ids);
    }
  }
  if (options.add_eos && vocab_.add_eos) ids.push_back(vocab_.eos_id);
  return ids;
}

void Tokenizer::encode_text(std::string_view text, Scratch& scratch,
                            std::vector<int32_t>& ids) const {
  pre_tokenizer_.for_each_piece(text, [&](std::string_view piece) {
    if (piece.size() > PieceCache::kMaxPieceBytes) return encode_piece(piece, scratch, ids);
    PieceCache::Entry key = PieceCache::key_of(piece);
    PieceCache::Entry& seen = scratch.cache.slot(key);
    if (seen.holds(key)) {
      if (seen.n_ids == 1) return ids.push_back(static_cast<int32_t>(seen.first));
      for (std::size_t i = 0; i < seen.n_ids; ++i) ids.push_back(ids[seen.first + i]);
      return;
    }
    const std::size_t first = ids.size();
    encode_piece(piece, scratch, ids);
    key.n_ids = static_cast<uint16_t>(ids.size() - first);
    key.first =
        static_cast<uint32_t>(key.n_ids == 1 ? static_cast<std::size_t>(ids[first]) : first);
    seen = key;
  });
}

void Tokenizer::encode_piece(std::string_view piece, Scratch& scratch,
                             std::vector<int32_t>& ids) const {
  if (is_spm()) return merge_characters(piece, scratch, ids);
  if (vocab_.ignore_merges) {
    const int32_t whole = tokens_.find(piece);
    if (whole >= 0) return ids.push_back(whole);
  }
  merge_bytes(piece, scratch, ids);
}

void Tokenizer::merge_bytes(std::string_view piece, Scratch& scratch,
                            std::vector<int32_t>& ids) const {
  scratch.symbols.clear();
  for (const char& c : piece) {
    const int32_t id = byte_id_[static_cast<uint8_t>(c)];
    if (id < 0) {
      throw Error(ErrorCode::kInvalidArgument, "text: byte " + quote({&c, 1}) + " at offset " +
                                                   std::to_string(&c - scratch.origin) +
                                                   " is not in the vocabulary");
    }
    scratch.symbols.push_back(id);
  }
  scratch.merger.merge(scratch.symbols, ids);
}

void Tokenizer::merge_characters(std::string_view piece, Scratch& scratch,
                                 std::vector<int32_t>& ids) const {
  std::vector<int32_t>& symbols = scratch.symbols;
  symbols.clear();
  const std::size_t first = ids.size();
  const auto flush = [&] {
    scratch.merged.clear();
    scratch.merger.merge(symbols, scratch.merged);
    symbols.clear();
    for (const int32_t id : scratch.merged) {
      if (id < n_vocab()) {
        ids.push_back(id);
      } else {  // a character that only occurs in longer tokens
        spell(tokens_[id], first, ids);
      }
    }
  };
  while (!piece.empty()) {
    const Utf8Head head = utf8_head(piece);
    const bool valid = head.kind == Utf8Head::kCharacter;
    const auto character = piece.substr(0, valid ? static_cast<std::size_t>(head.length) : 1);
    const int32_t id = valid ? tokens_.find(character) : -1;
    if (id >= 0) {
      symbols.push_back(id);
    } else {
      flush();
      spell(character, first, ids);
    }
    piece.remove_prefix(character.size());
  }
  flush();
}

// A character without a token of its own, in the piece whose ids begin at `first`.
void Tokenizer::spell(std::string_view character, std::size_t first,
                      std::vector<int32_t>& ids) const {
  const auto id_of = [&](char c) { return byte_id_[static_cast<uint8_t>(c)]; };
  if (std::ranges::all_of(character, [&](char c) { return id_of(c) >= 0; })) {
    for (const char c : character) ids.push_back(id_of(c));
  } else if (vocab_.unk_id < 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "text: " + quote(character) + " is not in the vocabulary");
  } else if (ids.size() == first || ids.back() != vocab_.unk_id) {
    ids.push_back(vocab_.unk_id);
  }
}

std::string_view Tokenizer::token_bytes(int32_t id, bool with_special) const {
  if (id < 0 || id >= n_vocab()) {
    throw Error(ErrorCode::kInvalidArgument, "token id: 0 to " + std::to_string(n_vocab() - 1) +
                                                 " expected, found " + std::to_string(id));
  }
  const bool special = type_of(id) == TokenType::kControl || type_of(id) == TokenType::kUnknown;
  if (special && !with_special) return {};
  return tokens_[id];
}

std::string_view Tokenizer::decode_next(int32_t id, bool& at_start, bool with_special) const {
  std::string_view bytes = token_bytes(id, with_special);
  const TokenType type = type_of(id);
  if (type == TokenType::kNormal || type == TokenType::kByte) {
    const bool added = at_start && is_spm() && vocab_.add_space_prefix;
    if (added && bytes.starts_with(' ')) bytes.remove_prefix(1);
    at_start = false;
  } else if (type != TokenType::kUnused) {
    at_start = true;
  }
  return bytes;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool with_special) const {
  std::string text;
  bool at_start = true;
  for (const int32_t id : ids) text += decode_next(id, at_start, with_special);
  return text;
}

}  // namespace onebit
