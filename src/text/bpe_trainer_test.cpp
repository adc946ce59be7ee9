#include "text/bpe_trainer.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "text/pre_tokenizer.h"
#include "text/test_vocab.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

using Merges = std::vector<std::string>;

TEST(BpeTrainer, ByHand) {
  // aaabdaaabac: "aa" occurs 4 times (overlaps count), then with Z = aa: Z a b d Z a b a c has
  // "Za" 2 and "ab" 2, the smaller left id wins; then Z Y d Z Y a c has "ZY" 2.
  BpeTrainerOptions options{.vocab_size = 259, .pre = "none"};
  const Vocab vocab = train_bpe("aaabdaaabac", options);
  EXPECT_EQ(vocab.merges, (Merges{"a a", "a b", "aa ab"}));
  EXPECT_EQ(vocab.tokens[256], "aa");
  EXPECT_EQ(vocab.tokens[258], "aaab");
  EXPECT_EQ(Tokenizer(vocab).encode("aaabdaaabac"),
            (std::vector<int32_t>{258, 'd', 258, 'a', 'c'}));
  // Nothing else occurs twice.
  options.vocab_size = 260;
  try {
    train_bpe("aaabdaaabac", options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(e.what(),
                 "vocab_size: 260 asked for, but the text gives only 259 tokens with pairs that "
                 "occur 2 times or more");
  }
}

TEST(BpeTrainer, SennrichsWords) {
  // The example of Sennrich et al. 2016: low 5, lower 2, newest 6, widest 3, pieces " low" etc.
  std::string text;
  const std::map<std::string, int> words = {
      {" low", 5}, {" lower", 2}, {" newest", 6}, {" widest", 3}};
  for (const auto& [word, n] : words) {
    for (int i = 0; i < n; ++i) text += word;
  }
  // es 9 (st 9: larger left id), es+t 9, " l" 7 (id 32 below "lo" 7), " l"+o, " lo"+w, then
  // " n" 6 before "ew", "ne", "w"+"est".
  const Vocab vocab = train_bpe(text, {.vocab_size = 262});
  EXPECT_EQ(vocab.merges, (Merges{"e s", "es t", "Ġ l", "o w", "Ġl ow", "Ġ n"}));
}

struct Trained {
  std::vector<std::string> tokens;
  Merges merges;
};

// The definition: count all pairs afresh before each merge.
Trained naive_train(const std::string& text, std::string_view pre, int64_t min_count) {
  Trained result;
  std::map<std::string, int32_t> ids;
  for (int b = 0; b < 256; ++b) {
    result.tokens.emplace_back(1, static_cast<char>(b));
    ids[result.tokens.back()] = b;
  }
  std::vector<std::vector<int32_t>> pieces;
  for (const auto piece : PreTokenizer(pre).split(text)) {
    pieces.emplace_back();
    for (const char c : piece) pieces.back().push_back(static_cast<uint8_t>(c));
  }
  for (;;) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    for (const auto& p : pieces) {
      for (std::size_t i = 0; i + 1 < p.size(); ++i) ++counts[{p[i], p[i + 1]}];
    }
    std::pair<int32_t, int32_t> best;
    int64_t best_count = 0;
    for (const auto& [pair, count] : counts) {
      if (count > best_count) best = pair, best_count = count;  // map order: smaller ids first
    }
    if (best_count < min_count) return result;
    const std::string bytes = result.tokens[static_cast<std::size_t>(best.first)] +
                              result.tokens[static_cast<std::size_t>(best.second)];
    if (ids.try_emplace(bytes, static_cast<int32_t>(result.tokens.size())).second) {
      result.tokens.push_back(bytes);
    }
    const std::string line = to_byte_alphabet(result.tokens[static_cast<std::size_t>(best.first)]) +
                             " " +
                             to_byte_alphabet(result.tokens[static_cast<std::size_t>(best.second)]);
    if (std::ranges::find(result.merges, line) == result.merges.end())
      result.merges.push_back(line);
    for (auto& p : pieces) {
      for (std::size_t i = 0; i + 1 < p.size(); ++i) {
        if (std::pair(p[i], p[i + 1]) != best) continue;
        p[i] = ids[bytes];
        p.erase(p.begin() + static_cast<int64_t>(i) + 1);
      }
    }
  }
}

TEST(BpeTrainer, EqualsTheDefinitionOnRandomTexts) {
  Rng rng(1);
  for (int round = 0; round < 150; ++round) {
    // Few letters: many overlaps and ties.
    std::string text;
    const uint64_t n_letters = 1 + rng.below(4);
    for (uint64_t n = 20 + rng.below(400); n > 0; --n) {
      text += rng.below(8) == 0 ? ' ' : static_cast<char>('a' + rng.below(n_letters));
    }
    const char* pre = round % 2 ? "none" : "gpt-2";
    const Trained expected = naive_train(text, pre, 2);
    BpeTrainerOptions options{.vocab_size = static_cast<int64_t>(expected.tokens.size()),
                              .pre = pre};
    const Vocab vocab = train_bpe(text, options);
    ASSERT_EQ(vocab.merges, expected.merges) << text;
    ASSERT_EQ(vocab.merges.size(), vocab.tokens.size() - 256);  // no token is made twice
    for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
      ASSERT_EQ(vocab.tokens[i], to_byte_alphabet(expected.tokens[i]));
    }
    const Tokenizer tokenizer(vocab);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    ++options.vocab_size;
    EXPECT_THROW(train_bpe(text, options), Error);
  }
}

TEST(BpeTrainer, SizeOrderAndSpecials) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "the cat sat on the mat.<|end|>";
  BpeTrainerOptions options{.vocab_size = 270, .special_tokens = {"<|pad|>", "<|end|>"}};
  int calls = 0;
  options.vocab_size = 258 + 12;
  options.progress = [&](int64_t n, int64_t of) { calls += n <= of; };
  const Vocab vocab = train_bpe(text, options);
  ASSERT_EQ(vocab.tokens.size(), 270u);
  ASSERT_EQ(vocab.merges.size(), 12u);
  EXPECT_EQ(vocab.tokens[268], "<|pad|>");
  EXPECT_EQ(vocab.tokens[269], "<|end|>");
  EXPECT_EQ(vocab.types[269], static_cast<int32_t>(TokenType::kControl));
  EXPECT_EQ(vocab.pre, "gpt-2");
  const Tokenizer tokenizer(vocab);
  for (int32_t id = 0; id < 268; ++id) {
    EXPECT_FALSE(tokenizer.token_bytes(id).empty());
    EXPECT_EQ(tokenizer.token_bytes(id).find('<'), id == '<' ? 0u : std::string::npos);
    EXPECT_EQ(id < 256, tokenizer.token_bytes(id).size() == 1);
  }
  EXPECT_EQ(train_bpe(text, options).merges, vocab.merges);
}

TEST(BpeTrainer, RepetitiveTextBecomesOneTokenPerPiece) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += " the cat sat on the mat.";
  // "at", " t", "he", " the", then one or two merges for each of " cat", " sat", " mat", " on".
  const Vocab vocab = train_bpe(text, {.vocab_size = 256 + 12});
  const auto ids = Tokenizer(vocab).encode(text);
  EXPECT_EQ(ids.size(), 700u);  // six words and a full stop
}

TEST(BpeTrainer, BadOptions) {
  for (const int64_t size : {int64_t{-1}, int64_t{256}, int64_t{1} << 22}) {
    EXPECT_THROW(train_bpe("aaaa", {.vocab_size = size, .special_tokens = {"<s>"}}), Error);
  }
  EXPECT_THROW(train_bpe("aaaa", {.vocab_size = 258, .special_tokens = {"<s>", "<s>"}}), Error);
  EXPECT_THROW(train_bpe("aaaa", {.vocab_size = 257, .special_tokens = {""}}), Error);
  EXPECT_THROW(train_bpe("aaaa", {.vocab_size = 256, .pre = "no such"}), Error);
  EXPECT_THROW(train_bpe("aaaa", {.vocab_size = 256, .min_pair_count = 0}), Error);
  EXPECT_EQ(train_bpe("", {.vocab_size = 256}).tokens.size(), 256u);
}

TEST(CharVocab, AsciiGivesTheDistinctBytesInOrder) {
  const std::string alphabet = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string text(alphabet.rbegin(), alphabet.rend());
  const Vocab vocab = char_vocab(text + text, {"<|end|>"});
  ASSERT_EQ(vocab.tokens.size(), 66u);
  EXPECT_TRUE(vocab.merges.empty());
  const Tokenizer tokenizer(vocab);
  std::vector<int32_t> expected(65);
  for (std::size_t i = 0; i < 65; ++i) expected[i] = static_cast<int32_t>(i);
  EXPECT_EQ(tokenizer.encode(alphabet), expected);
  EXPECT_EQ(tokenizer.special_id("<|end|>"), 65);
  EXPECT_THROW(tokenizer.encode("#"), Error);
}

TEST(CharVocab, OneCharacterIsOneToken) {
  const std::string text = "a\u00e9 \u20ac\U0001f600a\u00e9\xff";
  const Tokenizer tokenizer(char_vocab(text));
  EXPECT_EQ(tokenizer.encode(text), (std::vector<int32_t>{1, 2, 0, 3, 4, 1, 2, 5}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  EXPECT_THROW(tokenizer.encode("\u00e8"), Error);
}

}  // namespace
}  // namespace onebit
