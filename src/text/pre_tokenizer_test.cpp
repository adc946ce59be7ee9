#include "text/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/sanitized.h"
#include "text/regex_oracle.h"
#include "text/test_vocab.h"
#include "text/unicode.h"

namespace onebit {
namespace {

using Pieces = std::vector<std::string_view>;

Pieces split(std::string_view name, std::string_view text) {
  return PreTokenizer(name).split(text);
}

std::string joined(const Pieces& pieces) {
  std::string text;
  for (const auto piece : pieces) text += piece;
  return text;
}

TEST(PreTokenizer, KnownExamples) {
  EXPECT_EQ(split("gpt-2", "I'll go  there, 2024!"),
            (Pieces{"I", "'ll", " go", " ", " there", ",", " 2024", "!"}));
  EXPECT_EQ(split("gpt-2", "x  \n"), (Pieces{"x", "  \n"}));
  EXPECT_EQ(split("llama-bpe", "I'LL pay 12345\n\n  $x"),
            (Pieces{"I", "'LL", " pay", " ", "123", "45", "\n\n", " ", " $", "x"}));
  EXPECT_EQ(split("qwen2", "a 123"), (Pieces{"a", " ", "1", "2", "3"}));
  EXPECT_EQ(split("qwen35", "e\u0301a \u0301\u0301 12"),
            (Pieces{"e\u0301a", " \u0301\u0301", " ", "1", "2"}));
  EXPECT_EQ(split("qwen2", "e\u0301a"), (Pieces{"e", "\u0301a"}));
  EXPECT_EQ(split("default", "ab 1234=c"), (Pieces{"ab", " ", "123", "4", "=", "c"}));
  EXPECT_EQ(split("char", "a\n\u00e9\u20ac"), (Pieces{"a", "\n", "\u00e9", "\u20ac"}));
  EXPECT_EQ(split("none", "a b\nc"), (Pieces{"a b\nc"}));
  EXPECT_EQ(split("none", ""), Pieces{});
}

TEST(PreTokenizer, MongolianVowelSeparatorIsNoSpace) {
  // U+180E is a format character; PCRE2's own \s would keep it with the spaces.
  EXPECT_EQ(split("gpt-2", "a \u180eb"), (Pieces{"a", " \u180e", "b"}));
  // Every character of White_Space is one.
  for (const char32_t c : {0x9, 0xd, 0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x202f, 0x3000}) {
    std::string text = "a";
    append_utf8(text, c);
    EXPECT_EQ(split("gpt-2", text + "b").size(), 3u) << static_cast<uint32_t>(c);
    append_utf8(text, c);
    EXPECT_EQ(split("gpt-2", text).size(), 2u) << static_cast<uint32_t>(c);
  }
}

TEST(PreTokenizer, InvalidBytesAreSinglePieces) {
  for (const auto& row : pre_tokenizers()) {
    if (row.names[0] == "char") continue;
    EXPECT_EQ(split(row.names[0],
                    "ab\xff\xe4\xbd"
                    "cd"),
              (Pieces{"ab", "\xff", "\xe4", "\xbd", "cd"}));
  }
}

TEST(PreTokenizer, PiecesCoverTheText) {
  Rng rng(1);
  for (const auto& row : pre_tokenizers()) {
    const PreTokenizer pre(row.names[0]);
    for (int i = 0; i < 2000; ++i) {
      const std::string text =
          i % 3 ? random_text(rng, rng.below(60)) : random_bytes(rng, rng.below(60));
      const Pieces pieces = pre.split(text);
      ASSERT_EQ(joined(pieces), text);
      for (const auto piece : pieces) ASSERT_FALSE(piece.empty());
    }
  }
}

TEST(PreTokenizer, AliasesAndUnknownNames) {
  EXPECT_EQ(&find_pre_tokenizer("llama3"), &find_pre_tokenizer("llama-bpe"));
  EXPECT_EQ(&find_pre_tokenizer(""), &find_pre_tokenizer("default"));
  try {
    PreTokenizer("gpt-9");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(e.what()).find("'gpt-9' is not known; known: gpt-2, llama-bpe"),
              std::string::npos);
  }
}

// Texts that make careless patterns backtrack over and over.
std::vector<std::string> long_texts(std::size_t n) {
  std::vector<std::string> texts;
  for (const char* unit : {"a", " ", "\n", "1", "!", "'", "\t ", " \n", "\r", "a ", "'s", "=1",
                           "\u0301", "\u4e2d", "\u3000", "  a", "\n  !", "1a", "$ "}) {
    std::string text;
    while (text.size() < n) text += unit;
    texts.push_back(text);
    texts.push_back(text + "x");
    texts.push_back("\n" + text + "\xc2\xad");
  }
  return texts;
}

// Cuts with every pass of a row in turn, as its regexes say.
class Oracle {
 public:
  explicit Oracle(const PreTokenizerSpec& row) {
    for (const auto& pass : row.passes)
      passes_.push_back(std::make_unique<RegexOracle>(pass.regex));
  }
  Pieces split(std::string_view text) const {
    Pieces pieces(text.empty() ? 0 : 1, text);
    for (const auto& pass : passes_) {
      const Pieces before = std::exchange(pieces, {});
      for (const auto piece : before) {
        const Pieces parts = pass->split(piece);
        pieces.insert(pieces.end(), parts.begin(), parts.end());
      }
    }
    return pieces;
  }

 private:
  std::vector<std::unique_ptr<RegexOracle>> passes_;
};

// PCRE2's tables may be of another Unicode version: what either side has no class for is left out.
bool tables_agree(char32_t c) {
  static const RegexOracle other("[^\\p{L}\\p{N}\\p{M}\\p{P}\\s]{2}");
  static const std::string version = [] {
    char text[32];
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, text);
    return std::string(text);
  }();
  if (version == kUnicodeVersion) return true;
  std::string twice;
  append_utf8(twice, c);
  append_utf8(twice, c);
  return char_class(c) != kOther && other.split(twice).size() != 1;
}

// Texts of what rules look at: words, contractions, digits, spaces of all kinds, any character.
std::string tricky_text(Rng& rng, std::size_t n_units) {
  static constexpr const char* kUnits[] = {
      "a",      "B",      " ",      "  ",     "\n",     "\r",         "\t",     "'",
      "'s",     "'LL",    "'rE",    "1",      "23",     "456",        "!",      "\"$+",
      "`",      "|~",     "\u00a0", "\u3000", "\u0301", "\u00e9",     "\u4e2d", "\u0e33",
      "\u00b2", "\u0660", "\u180e", "\u200b", "\u2028", "\U0001f600", "\x7f"};
  std::string text;
  while (n_units-- > 0) {
    if (rng.below(8) > 0) {
      text += kUnits[rng.below(std::size(kUnits))];
      continue;
    }
    auto c = static_cast<char32_t>(rng.below(0x110000 - 0x800));
    if (c >= 0xd800) c += 0x800;
    if (tables_agree(c)) append_utf8(text, c);
  }
  return text;
}

TEST(PreTokenizer, EqualsItsRegexes) {
  Rng rng(2);
  for (const auto& row : pre_tokenizers()) {
    const Oracle oracle(row);
    const PreTokenizer pre(row.names[0]);
    for (int i = 0; i < 20000; ++i) {
      const std::string text = tricky_text(rng, rng.below(20));
      ASSERT_EQ(pre.split(text), oracle.split(text)) << row.names[0] << ": " << quote(text, 300);
    }
  }
}

TEST(PreTokenizer, EqualsItsRegexesAroundEveryCodePoint) {
  for (const auto& row : pre_tokenizers()) {
    const Oracle oracle(row);
    const PreTokenizer pre(row.names[0]);
    std::string text;
    const auto compare = [&](char32_t c) {
      ASSERT_EQ(pre.split(text), oracle.split(text))
          << row.names[0] << " before " << static_cast<uint32_t>(c);
      text.clear();
    };
    for (char32_t c = 0; c <= 0x10ffff; ++c) {
      if (c == 0xd800) c = 0xe000;
      // From plane 4 on there is nothing but a few marks.
      if ((c >= 0x40000 && c >> 12 != 0xe0 && c % 256 != 0) || !tables_agree(c)) continue;
      if (kIsSanitized && c >= 0x3000 && c % 16 != 0) continue;
      for (const char* before : {"a", " ", "1", "."}) {
        text += before;
        append_utf8(text, c);
      }
      if (text.size() > 4000) compare(c);
      if (HasFatalFailure()) return;
    }
    compare(0x10ffff);
  }
}

TEST(PreTokenizer, WorkIsLinear) {
  constexpr std::size_t kBytes = std::size_t{1}
                                 << (kIsSanitized ? 16 : 18);  // quadratic work would take minutes
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& row : pre_tokenizers()) {
    const PreTokenizer pre(row.names[0]);
    for (const auto& text : long_texts(kBytes)) {
      std::size_t n_bytes = 0;
      pre.for_each_piece(text, [&](std::string_view piece) { n_bytes += piece.size(); });
      ASSERT_EQ(n_bytes, text.size());
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace onebit
