#include "vocab/added_tokens.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "vocab/checks.h"

namespace onebit {
namespace {

AddedToken read_token(const JsonCursor& entry, int64_t id) {
  if (entry.bool_or("single_word", false)) {
    entry.fail("single_word = false", "true", ErrorCode::kUnsupported);
  }
  AddedToken token{id, entry.at("content").string()};
  if (token.text.empty()) entry.fail("a token with text", "''");
  token.is_special = entry.bool_or("special", false);
  token.lstrip = entry.bool_or("lstrip", false);
  token.rstrip = entry.bool_or("rstrip", false);
  return token;
}

std::string named(const AddedToken& token) {
  return quote(token.text, 40) + " as id " + std::to_string(token.id);
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonCursor& array) {
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < array.array().size(); ++i) {
    const JsonCursor entry = array.element(i);
    tokens.push_back(read_token(entry, entry.at("id").integer(0, vocab::kMaxTokens - 1)));
  }
  return tokens;
}

std::vector<AddedToken> read_added_tokens_decoder(const JsonCursor& object) {
  std::vector<AddedToken> tokens;
  for (const auto& [key, value] : object.object()) {
    const std::string text(key.data(), key.size());
    int64_t id = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    // Exactly as a number is printed: "7" and "007" would be one id twice.
    if (error != std::errc() || id < 0 || id >= vocab::kMaxTokens || std::to_string(id) != text) {
      object.fail("ids below " + std::to_string(vocab::kMaxTokens) + " as keys", quote(text));
    }
    tokens.push_back(read_token({value, object.file(), object.path() + "." + text}, id));
  }
  return tokens;
}

void add_tokens(const std::vector<AddedToken>& tokens, const JsonCursor& where, Vocab& vocab) {
  std::map<std::string_view, const AddedToken*> by_text;
  std::size_t longest = 0;
  int64_t max_id = -1;
  for (const AddedToken& token : tokens) {
    const auto [other, is_new] = by_text.emplace(token.text, &token);
    if (!is_new) where.fail("every token once", named(*other->second) + " and " + named(token));
    max_id = std::max(max_id, token.id);
    longest = std::max(longest, token.text.size());
  }
  for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
    const std::string& text = vocab.tokens[id];
    if (text.size() > longest) continue;
    const auto found = by_text.find(text);
    if (found != by_text.end() && found->second->id != static_cast<int64_t>(id)) {
      where.fail(quote(text, 40) + " as id " + std::to_string(id) + " (the model's)",
                 named(*found->second));
    }
  }
  vocab::make_room(vocab, max_id, tokens.size(), where.file(), where.path());
  for (const AddedToken& token : tokens) {
    const auto id = static_cast<std::size_t>(token.id);
    const TokenType type = token.is_special ? TokenType::kControl : TokenType::kUserDefined;
    if (vocab::type_of(vocab, token.id) == TokenType::kUnused || vocab.tokens[id] != token.text) {
      vocab::place_token(vocab, token.id, token.text, type, where.file(), where.path());
    } else if (vocab::type_of(vocab, token.id) != TokenType::kUnknown) {
      vocab::set_type(vocab, token.id, type);
    }
    vocab.strip.resize(vocab.tokens.size());
    vocab.strip[id] = static_cast<uint8_t>((token.lstrip ? 1 : 0) | (token.rstrip ? 2 : 0));
  }
  if (std::ranges::all_of(vocab.strip, [](uint8_t s) { return s == 0; })) vocab.strip.clear();
}

}  // namespace onebit
