#include "text/tokenizer.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "text/byte_alphabet.h"

namespace onebit {
namespace {

[[noreturn]] void invalid(const std::string& what) {
  throw Error(ErrorCode::kInvalidFile, "vocabulary: " + what);
}

std::string token_name(int32_t id, const std::string& text) {
  return "token " + std::to_string(id) + " " + quote(text);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// "<0xHH>" exactly; -1 otherwise. Lenient parsers here have become memory errors elsewhere.
int parse_byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void check_sizes(const Vocab& v) {
  if (v.tokens.empty() || v.tokens.size() > Tokenizer::kMaxTokens) {
    invalid("1 to " + std::to_string(Tokenizer::kMaxTokens) + " tokens expected, found " +
            std::to_string(v.tokens.size()));
  }
  if (v.types.size() != v.tokens.size()) {
    invalid("one type per token expected (" + std::to_string(v.tokens.size()) + "), found " +
            std::to_string(v.types.size()));
  }
  if (v.merges.size() > Tokenizer::kMaxMerges) {
    invalid("at most " + std::to_string(Tokenizer::kMaxMerges) + " merges expected, found " +
            std::to_string(v.merges.size()));
  }
  const auto check_id = [&](const char* field, int32_t id, int32_t lowest) {
    if (id < lowest || (id >= 0 && static_cast<std::size_t>(id) >= v.tokens.size())) {
      invalid(std::string(field) + ": " + std::to_string(lowest) + " to " +
              std::to_string(v.tokens.size() - 1) + " expected, found " + std::to_string(id));
    }
  };
  check_id("bos_id", v.bos_id, -1);
  check_id("eos_id", v.eos_id, -1);
  for (const int32_t id : v.stop_ids) check_id("stop_ids", id, 0);
  if (v.add_bos && v.bos_id < 0) invalid("add_bos is set but there is no bos_id");
}

// Names of tokens that end a turn in the common chat formats.
constexpr std::string_view kStopNames[] = {
    "<|eot_id|>",      "<|eom_id|>",    "<|im_end|>", "<|end|>",  "<|endoftext|>",
    "<|end_of_text|>", "<end_of_turn>", "<|return|>", "<|call|>",
};

}  // namespace

Tokenizer::Tokenizer(Vocab vocab) : vocab_(std::move(vocab)), pre_tokenizer_(vocab_.pre) {
  check_sizes(vocab_);
  read_tokens();
  index_tokens();
  read_merges();
  collect_stops();
  find_user_tokens();
}

void Tokenizer::read_tokens() {
  std::vector<SpecialTokens::Entry> always;
  std::vector<SpecialTokens::Entry> all;
  bytes_.reserve(vocab_.tokens.size());
  for (int32_t id = 0; id < n_vocab(); ++id) {
    const std::string& text = vocab_.tokens[static_cast<std::size_t>(id)];
    switch (type_of(id)) {
      case TokenType::kNormal: {
        auto bytes = from_byte_alphabet(text);
        if (!bytes) invalid(token_name(id, text) + ": not valid UTF-8");
        bytes_.push_back(std::move(*bytes));
        break;
      }
      case TokenType::kByte: {
        const int byte = parse_byte_token(text);
        if (byte < 0) invalid(token_name(id, text) + ": expected <0xHH> for a byte token");
        bytes_.emplace_back(1, static_cast<char>(byte));
        break;
      }
      case TokenType::kUserDefined:
        always.push_back({text, id});
        bytes_.push_back(text);
        break;
      case TokenType::kControl:
      case TokenType::kUnknown:
        all.push_back({text, id});
        bytes_.push_back(text);
        break;
      case TokenType::kUnused:
        bytes_.emplace_back();
        break;
      default:
        invalid(token_name(id, text) + ": type 1 to 6 expected, found " +
                std::to_string(static_cast<int32_t>(type_of(id))));
    }
  }
  always_ = SpecialTokens(always);
  all.insert(all.end(), always.begin(), always.end());
  all_ = SpecialTokens(std::move(all));
}

// Control and unknown tokens stay out: no text may produce them.
void Tokenizer::index_tokens() {
  const auto add_to_index = [&](auto&& wanted) {
    for (int32_t id = 0; id < n_vocab(); ++id) {
      if (wanted(type_of(id))) index_.emplace(bytes_[static_cast<std::size_t>(id)], id);
    }
  };
  add_to_index([](TokenType t) { return t == TokenType::kNormal; });
  add_to_index([](TokenType t) { return t == TokenType::kUserDefined || t == TokenType::kByte; });
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto found = index_.find(std::string_view(&c, 1));
    byte_id_[byte] = found == index_.end() ? -1 : found->second;
  }
}

void Tokenizer::read_merges() {
  std::vector<Merge> merges;
  merges.reserve(vocab_.merges.size());
  for (std::size_t i = 0; i < vocab_.merges.size(); ++i) {
    const std::string_view line = vocab_.merges[i];
    const auto fail = [&](const std::string& what) {
      invalid("merge " + std::to_string(i) + " " + quote(line) + ": " + what);
    };
    const auto id_of = [&](const std::string& bytes) {
      const auto found = index_.find(bytes);
      if (found == index_.end()) fail(quote(bytes) + " is not a token that text can produce");
      return found->second;
    };
    const std::size_t space = line.find(' ', 1);  // a part may begin with a space
    if (space == std::string_view::npos || space + 1 == line.size()) {
      fail("expected two parts separated by a space");
    }
    const auto left = from_byte_alphabet(line.substr(0, space));
    const auto right = from_byte_alphabet(line.substr(space + 1));
    if (!left || !right) fail("not valid UTF-8");
    merges.push_back({id_of(*left), id_of(*right), id_of(*left + *right)});
  }
  merges_ = MergeTable(std::move(merges), n_vocab());
}

void Tokenizer::collect_stops() {
  is_stop_.assign(vocab_.tokens.size(), false);
  if (vocab_.eos_id >= 0) is_stop_[static_cast<std::size_t>(vocab_.eos_id)] = true;
  for (const int32_t id : vocab_.stop_ids) is_stop_[static_cast<std::size_t>(id)] = true;
  for (const std::string_view name : kStopNames) {
    const int32_t id = all_.find(name);
    if (id >= 0) is_stop_[static_cast<std::size_t>(id)] = true;
  }
}

// Some files list control tokens as user-defined: they are known by what they do or look like.
void Tokenizer::find_user_tokens() {
  std::vector<SpecialTokens::Entry> entries;
  for (int32_t id = 0; id < n_vocab(); ++id) {
    const std::string& text = vocab_.tokens[static_cast<std::size_t>(id)];
    if (type_of(id) != TokenType::kUserDefined || is_stop(id)) continue;
    if (!text.starts_with("<|") || !text.ends_with("|>")) entries.push_back({text, id});
  }
  users_ = SpecialTokens(std::move(entries));
}

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
      if (last && last->id < 0 && part.id < 0 && last->text.end() == part.text.begin()) {
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
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int32_t>::max())) {
    throw Error(ErrorCode::kInvalidArgument,
                "text: less than 2 GiB expected, found " + std::to_string(text.size()) + " bytes");
  }
  std::vector<int32_t> ids;
  if (options.add_bos && vocab_.add_bos) ids.push_back(vocab_.bos_id);
  Scratch scratch{BpeMerger(merges_), {}, {}};
  for (const auto& part : take_out(text, options)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
    } else {
      const auto offset = static_cast<std::size_t>(part.text.data() - text.data());
      encode_text(part.text, offset, scratch, ids);
    }
  }
  return ids;
}

void Tokenizer::encode_text(std::string_view text, std::size_t offset, Scratch& scratch,
                            std::vector<int32_t>& ids) const {
  std::vector<int32_t>& symbols = scratch.symbols;
  for (const std::string_view piece : pre_tokenizer_.split(text, scratch.matcher)) {
    if (vocab_.ignore_merges) {
      const auto whole = index_.find(piece);
      if (whole != index_.end()) {
        ids.push_back(whole->second);
        continue;
      }
    }
    symbols.clear();
    for (const char& c : piece) {
      const int32_t id = byte_id_[static_cast<uint8_t>(c)];
      if (id < 0) {
        const auto at = offset + static_cast<std::size_t>(&c - text.data());
        throw Error(ErrorCode::kInvalidArgument, "text: byte " + quote({&c, 1}) + " at offset " +
                                                     std::to_string(at) +
                                                     " is not in the vocabulary");
      }
      symbols.push_back(id);
    }
    scratch.merger.merge(symbols, ids);
  }
}

std::string_view Tokenizer::token_bytes(int32_t id, bool with_special) const {
  if (id < 0 || id >= n_vocab()) {
    throw Error(ErrorCode::kInvalidArgument, "token id: 0 to " + std::to_string(n_vocab() - 1) +
                                                 " expected, found " + std::to_string(id));
  }
  const bool special = type_of(id) == TokenType::kControl || type_of(id) == TokenType::kUnknown;
  if (special && !with_special) return {};
  return bytes_[static_cast<std::size_t>(id)];
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool with_special) const {
  std::string text;
  for (const int32_t id : ids) text += token_bytes(id, with_special);
  return text;
}

}  // namespace onebit
