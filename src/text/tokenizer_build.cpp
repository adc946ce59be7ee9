#include <cmath>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/spm.h"
#include "text/tokenizer.h"

// What a tokenizer does once, at load: checks and tables.
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

void check_vocab(const Vocab& v) {
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
  check_id("unk_id", v.unk_id, -1);
  if (v.add_bos && v.bos_id < 0) invalid("add_bos is set but there is no bos_id");
  if (v.add_eos && v.eos_id < 0) invalid("add_eos is set but there is no eos_id");
  if (!v.strip.empty() && v.strip.size() != v.tokens.size()) {
    invalid("no strip flags or one per token expected (" + std::to_string(v.tokens.size()) +
            "), found " + std::to_string(v.strip.size()));
  }
  if (v.model != VocabModel::kSpm) return;
  if (v.scores.size() != v.tokens.size()) {
    invalid("one score per token expected (" + std::to_string(v.tokens.size()) + "), found " +
            std::to_string(v.scores.size()));
  }
  for (std::size_t i = 0; i < v.scores.size(); ++i) {
    if (std::isnan(v.scores[i])) {
      invalid(token_name(static_cast<int32_t>(i), v.tokens[i]) +
              ": score: number expected, found nan");
    }
  }
}

// Names of tokens that end a turn in the common chat formats.
constexpr std::string_view kStopNames[] = {
    "<|eot_id|>",      "<|eom_id|>",    "<|im_end|>", "<|end|>",  "<|endoftext|>",
    "<|end_of_text|>", "<end_of_turn>", "<|return|>", "<|call|>",
};

}  // namespace

Tokenizer::Tokenizer(Vocab vocab)
    : vocab_(std::move(vocab)),
      pre_tokenizer_(is_spm() ? PreTokenizer(std::vector<Cut>{}) : PreTokenizer(vocab_.pre)) {
  check_vocab(vocab_);
  read_tokens();
  index_tokens();
  if (is_spm()) {
    prepare_spm();
  } else {
    read_merges();
  }
  collect_stops();
  find_user_tokens();
}

void Tokenizer::read_tokens() {
  std::vector<SpecialTokens::Entry> always;
  std::vector<SpecialTokens::Entry> all;
  std::size_t n_bytes = 0;
  for (const std::string& text : vocab_.tokens) n_bytes += text.size();
  tokens_.reserve(vocab_.tokens.size(), n_bytes);
  std::string bytes;
  for (int32_t id = 0; id < n_vocab(); ++id) {
    const std::string& text = vocab_.tokens[static_cast<std::size_t>(id)];
    const uint8_t strip =
        vocab_.strip.empty() ? uint8_t{0} : vocab_.strip[static_cast<std::size_t>(id)];
    bytes.clear();
    switch (type_of(id)) {
      case TokenType::kNormal:
        if (is_spm() ? utf8_valid_prefix(text) != text.size()
                     : !append_from_byte_alphabet(text, bytes)) {
          invalid(token_name(id, text) + ": not valid UTF-8");
        }
        if (is_spm()) bytes = spm_spaces(text);
        break;
      case TokenType::kByte: {
        const int byte = parse_byte_token(text);
        if (byte < 0) invalid(token_name(id, text) + ": expected <0xHH> for a byte token");
        bytes += static_cast<char>(byte);
        break;
      }
      case TokenType::kUserDefined:
        bytes = is_spm() ? spm_spaces(text) : text;
        always.push_back({bytes, id, strip});
        break;
      case TokenType::kControl:
      case TokenType::kUnknown:
        bytes = text;
        all.push_back({text, id, strip});
        break;
      case TokenType::kUnused:
        break;
      default:
        invalid(token_name(id, text) + ": type 1 to 6 expected, found " +
                std::to_string(static_cast<int32_t>(type_of(id))));
    }
    tokens_.append(bytes);
  }
  all.insert(all.end(), always.begin(), always.end());
  always_ = SpecialTokens(std::move(always));
  all_ = SpecialTokens(std::move(all));
}

// Control and unknown tokens stay out: no text may produce them.
void Tokenizer::index_tokens() {
  const auto make_findable = [&](auto&& wanted) {
    for (int32_t id = 0; id < n_vocab(); ++id) {
      if (wanted(type_of(id))) tokens_.insert(id);
    }
  };
  make_findable([](TokenType t) { return t == TokenType::kNormal; });
  make_findable([&](TokenType t) {
    return t == TokenType::kUserDefined || (t == TokenType::kByte && !is_spm());
  });
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_id_[byte] = is_spm() ? -1 : tokens_.find({&c, 1});
  }
}

// SentencePiece's byte tokens only spell what has no token of its own: merges never see them.
void Tokenizer::prepare_spm() {
  for (auto id = static_cast<int32_t>(n_vocab()); id-- > 0;) {
    if (type_of(id) == TokenType::kByte) byte_id_[static_cast<uint8_t>(tokens_[id][0])] = id;
  }
  const auto merges = spm_merges(tokens_, vocab_.scores);
  merges_ = MergeTable(merges, tokens_.size());
  if (spm_words_are_separate(tokens_))
    pre_tokenizer_ = PreTokenizer(std::vector<Cut>{cut_spaced_word});
}

void Tokenizer::read_merges() {
  std::vector<Merge> merges;
  merges.reserve(vocab_.merges.size());
  std::string bytes;  // of both parts
  for (std::size_t i = 0; i < vocab_.merges.size(); ++i) {
    const std::string_view line = vocab_.merges[i];
    const auto fail = [&](const std::string& what) {
      invalid("merge " + std::to_string(i) + " " + quote(line) + ": " + what);
    };
    const auto id_of = [&](std::string_view part) {
      const int32_t id = tokens_.find(part);
      if (id < 0) fail(quote(part) + " is not a token that text can produce");
      return id;
    };
    const std::size_t space = line.find(' ', 1);  // a part may begin with a space
    if (space == std::string_view::npos || space + 1 == line.size()) {
      fail("expected two parts separated by a space");
    }
    bytes.clear();
    bool valid = append_from_byte_alphabet(line.substr(0, space), bytes);
    const std::size_t middle = bytes.size();
    valid = valid && append_from_byte_alphabet(line.substr(space + 1), bytes);
    if (!valid) fail("not valid UTF-8");
    const std::string_view both = bytes;
    merges.push_back({id_of(both.substr(0, middle)), id_of(both.substr(middle)), id_of(both),
                      static_cast<int32_t>(i)});
  }
  merges_ = MergeTable(merges, n_vocab());
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
    if (type_of(id) != TokenType::kUserDefined || is_stop(id)) continue;
    const std::string_view text = tokens_[id];
    if (text.starts_with("<|") && text.ends_with("|>")) continue;
    const uint8_t strip =
        vocab_.strip.empty() ? uint8_t{0} : vocab_.strip[static_cast<std::size_t>(id)];
    entries.push_back({std::string(text), id, strip});
  }
  users_ = SpecialTokens(std::move(entries));
}

}  // namespace onebit
