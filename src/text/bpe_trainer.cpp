#include "text/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "text/bpe_learner.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

[[noreturn]] void bad_argument(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what);
}

// The ordinary text between special tokens.
std::vector<std::string_view> without_specials(std::string_view text,
                                               const std::vector<std::string>& special_tokens) {
  std::vector<SpecialTokens::Entry> entries;
  std::set<std::string_view> seen;
  for (const auto& special : special_tokens) {
    if (special.empty() || special.size() > SpecialTokens::kMaxBytes) {
      bad_argument("special token " + quote(special) + ": 1 to " +
                   std::to_string(SpecialTokens::kMaxBytes) + " bytes expected");
    }
    if (!seen.insert(special).second) {
      bad_argument("special token " + quote(special) + " is listed twice");
    }
    entries.push_back({special, 0});
  }
  std::vector<std::string_view> parts;
  for (const auto& part : SpecialTokens(std::move(entries)).split(text)) {
    if (part.id < 0) parts.push_back(part.text);
  }
  return parts;
}

void append_specials(const std::vector<std::string>& special_tokens, Vocab& vocab) {
  for (const auto& special : special_tokens) {
    vocab.tokens.push_back(special);
    vocab.types.push_back(static_cast<int32_t>(TokenType::kControl));
  }
}

void append_token(std::string_view bytes, Vocab& vocab) {
  vocab.tokens.push_back(to_byte_alphabet(bytes));
  vocab.types.push_back(static_cast<int32_t>(TokenType::kNormal));
}

void check_options(std::string_view text, const BpeTrainerOptions& options) {
  const auto lowest = static_cast<int64_t>(256 + options.special_tokens.size());
  const auto highest = static_cast<int64_t>(Tokenizer::kMaxTokens);
  if (options.vocab_size < lowest || options.vocab_size > highest) {
    bad_argument("vocab_size: " + std::to_string(lowest) + " to " + std::to_string(highest) +
                 " expected, found " + std::to_string(options.vocab_size));
  }
  if (options.min_pair_count < 1) {
    bad_argument("min_pair_count: at least 1 expected, found " +
                 std::to_string(options.min_pair_count));
  }
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int32_t>::max())) {
    bad_argument("training text: less than 2 GiB expected, found " + std::to_string(text.size()) +
                 " bytes");
  }
}

// The distinct pieces of the ordinary text with their counts, in order of appearance.
std::vector<std::pair<std::string_view, int64_t>> count_pieces(
    std::string_view text, const std::vector<std::string>& special_tokens, std::string_view pre) {
  const PreTokenizer pre_tokenizer(pre);
  std::vector<std::pair<std::string_view, int64_t>> pieces;
  std::unordered_map<std::string_view, std::size_t> index;
  for (const std::string_view part : without_specials(text, special_tokens)) {
    pre_tokenizer.for_each_piece(part, [&](std::string_view piece) {
      const auto [at, is_new] = index.try_emplace(piece, pieces.size());
      if (is_new) pieces.emplace_back(piece, 0);
      ++pieces[at->second].second;
    });
  }
  return pieces;
}

}  // namespace

Vocab train_bpe(std::string_view text, const BpeTrainerOptions& options) {
  check_options(text, options);
  Vocab vocab;
  vocab.pre = options.pre;
  vocab.ignore_merges = find_pre_tokenizer(options.pre).ignore_merges;

  BpeLearner learner;
  for (const auto& [piece, count] : count_pieces(text, options.special_tokens, options.pre)) {
    learner.add_piece(piece, count);
  }
  constexpr int64_t kProgressStep = 256;
  const auto n_tokens = [&] {
    return static_cast<int64_t>(learner.tokens().size() + options.special_tokens.size());
  };
  while (n_tokens() < options.vocab_size) {
    if (!learner.step(options.min_pair_count)) {
      bad_argument("vocab_size: " + std::to_string(options.vocab_size) +
                   " asked for, but the text gives only " + std::to_string(n_tokens()) +
                   " tokens with pairs that occur " + std::to_string(options.min_pair_count) +
                   " times or more");
    }
    if (options.progress && n_tokens() % kProgressStep == 0) {
      options.progress(n_tokens(), options.vocab_size);
    }
  }
  for (const auto& bytes : learner.tokens()) append_token(bytes, vocab);
  for (const auto& [left, right] : learner.merges()) {
    vocab.merges.push_back(vocab.tokens[static_cast<std::size_t>(left)] + " " +
                           vocab.tokens[static_cast<std::size_t>(right)]);
  }
  append_specials(options.special_tokens, vocab);
  return vocab;
}

Vocab char_vocab(std::string_view text, const std::vector<std::string>& special_tokens) {
  std::set<std::string_view> characters;
  for (const auto& [piece, count] : count_pieces(text, special_tokens, "char")) {
    characters.insert(piece);
  }
  const bool ascii = std::ranges::all_of(
      characters, [](std::string_view c) { return static_cast<uint8_t>(c[0]) < 0x80; });
  Vocab vocab;
  // Without merges, any pre-tokeniser gives one token per byte; gpt-2 is one that other engines
  // know too. Longer characters need one that finds them whole.
  vocab.pre = ascii ? "gpt-2" : "char";
  vocab.ignore_merges = find_pre_tokenizer(vocab.pre).ignore_merges;
  for (const std::string_view character : characters) append_token(character, vocab);
  append_specials(special_tokens, vocab);
  return vocab;
}

}  // namespace onebit
