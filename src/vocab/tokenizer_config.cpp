#include "vocab/tokenizer_config.h"

#include <algorithm>

#include "text/utf8.h"
#include "vocab/added_tokens.h"
#include "vocab/checks.h"

namespace onebit {
namespace {

// The id of a token by its text, a special one before others; -1 if there is none.
int32_t find_token(const Vocab& vocab, std::string_view text) {
  int32_t normal = -1;
  for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
    if (vocab.tokens[id] != text) continue;
    const TokenType type = vocab::type_of(vocab, static_cast<int64_t>(id));
    if (type == TokenType::kUnused) continue;
    if (type != TokenType::kNormal) return static_cast<int32_t>(id);
    if (normal < 0) normal = static_cast<int32_t>(id);
  }
  return normal;
}

// The id of bos_token and its like; -1 if the config has none (absent or null).
int32_t read_token(const JsonCursor& config, const char* key, bool must_exist, const Vocab& vocab) {
  const auto member = config.find(key);
  if (!member) return -1;
  const JsonCursor content = member->value().is_object() ? member->at("content") : *member;
  const int32_t id = find_token(vocab, content.string());
  if (id < 0 && must_exist) content.wrong_kind("a token of the vocabulary");
  return id;
}

std::string read_template(const JsonCursor& member) {
  if (!member.value().is_array()) return member.string();
  for (std::size_t i = 0; i < member.array().size(); ++i) {
    const JsonCursor entry = member.element(i);
    if (entry.at("name").string() == "default") return entry.at("template").string();
  }
  member.fail("a string or a list with the template 'default'", "a list without");
}

int32_t read_id(const JsonCursor& member, const Vocab& vocab) {
  return static_cast<int32_t>(member.integer(0, static_cast<int64_t>(vocab.tokens.size()) - 1));
}

// A setting that only makes sense with a token.
bool read_add(const JsonCursor& config, const char* key, bool fallback, int32_t id) {
  const auto member = config.find(key);
  if (!member) return fallback;
  const bool add = member->boolean();
  if (add && id < 0) member->wrong_kind("false, as there is no such token");
  return add;
}

}  // namespace

void set_chat_template(std::string source, const std::string& file, std::string_view field,
                       Vocab& vocab) {
  if (source.size() > static_cast<std::size_t>(vocab::kMaxTemplateBytes)) {
    vocab::fail(file, field, "at most " + std::to_string(vocab::kMaxTemplateBytes) + " bytes",
                std::to_string(source.size()));
  }
  if (utf8_valid_prefix(source) != source.size()) {
    vocab::fail(file, field, "UTF-8",
                "another byte at offset " + std::to_string(utf8_valid_prefix(source)));
  }
  vocab.chat_template = std::move(source);
}

void apply_tokenizer_config(const JsonCursor& config, Vocab& vocab) {
  if (const auto added = config.find("added_tokens_decoder")) {
    add_tokens(read_added_tokens_decoder(*added), *added, vocab);
  }
  const int32_t bos = read_token(config, "bos_token", true, vocab);
  const int32_t eos = read_token(config, "eos_token", true, vocab);
  if (bos >= 0 && !vocab.add_bos) vocab.bos_id = bos;
  if (eos >= 0 && !vocab.add_eos) vocab.eos_id = eos;
  vocab::add_stop(vocab, eos);
  // Byte-level BPE never needs it, and some configs name one that does not exist.
  const bool is_spm = vocab.model == VocabModel::kSpm;
  const int32_t unk = read_token(config, "unk_token", is_spm, vocab);
  if (unk >= 0 && vocab.unk_id < 0) vocab.unk_id = unk;
  vocab.add_bos = read_add(config, "add_bos_token", vocab.add_bos, vocab.bos_id);
  vocab.add_eos = read_add(config, "add_eos_token", vocab.add_eos, vocab.eos_id);
  if (is_spm) vocab.add_space_prefix = config.bool_or("add_prefix_space", vocab.add_space_prefix);
  if (const auto member = config.find("chat_template")) {
    set_chat_template(read_template(*member), config.file(), member->path(), vocab);
  }
}

void apply_generation_config(const JsonCursor& config, Vocab& vocab) {
  const auto bos = config.find("bos_token_id");
  if (bos && vocab.bos_id < 0) vocab.bos_id = read_id(*bos, vocab);
  const auto eos = config.find("eos_token_id");
  if (!eos) return;
  std::vector<int32_t> ids;
  if (eos->value().is_array()) {
    const std::size_t n = eos->array().size();
    if (n > 1024) eos->fail("at most 1024 ids", std::to_string(n));
    for (std::size_t i = 0; i < n; ++i) ids.push_back(read_id(eos->element(i), vocab));
  } else {
    ids.push_back(read_id(*eos, vocab));
  }
  if (vocab.eos_id < 0 && !ids.empty()) vocab.eos_id = ids.front();
  for (const int32_t id : ids) vocab::add_stop(vocab, id);
}

}  // namespace onebit
