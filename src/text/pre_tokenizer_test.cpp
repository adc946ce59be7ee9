#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pre_tokenizer.h"

#include <gtest/gtest.h>
#include <pcre2.h>

#include "base/error.h"
#include "text/test_vocab.h"

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

int count_callout(pcre2_callout_block*, void* count) {
  ++*static_cast<int64_t*>(count);
  return 0;
}

// Runs each pattern over `text` with a callout at every item: the number of items tried.
int64_t items_tried(std::string_view pattern, const std::string& text) {
  const std::string p = with_unicode_white_space(pattern);
  int error = 0;
  PCRE2_SIZE at = 0;
  auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(p.data()), p.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_AUTO_CALLOUT, &error, &at, nullptr);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  auto* data = pcre2_match_data_create(1, nullptr);
  auto* context = pcre2_match_context_create(nullptr);
  int64_t count = 0;
  pcre2_set_callout(context, count_callout, &count);
  for (PCRE2_SIZE start = 0; start < text.size(); start = pcre2_get_ovector_pointer(data)[1]) {
    if (pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start,
                    PCRE2_NO_UTF_CHECK, data, context) < 0) {
      break;
    }
  }
  pcre2_match_context_free(context);
  pcre2_match_data_free(data);
  pcre2_code_free(code);
  return count;
}

TEST(PreTokenizer, WorkIsLinear) {
  constexpr std::size_t kBytes = 20000;  // quadratic work would be 10,000 items per byte
  for (const auto& row : pre_tokenizers()) {
    for (const auto& regex : row.regexes) {
      for (const auto& text : long_texts(kBytes)) {
        ASSERT_LE(items_tried(regex, text), static_cast<int64_t>(40 * text.size()))
            << row.names[0] << " on " << quote(text.substr(0, 8));
      }
    }
  }
}

TEST(PreTokenizer, AMegabyteStaysBelowTheStepLimitWithAndWithoutJit) {
  for (const auto& row : pre_tokenizers()) {
    const PreTokenizer pre(row.names[0]);
    auto texts = long_texts(std::size_t{1} << 17);
    for (const char c : {'a', ' '}) texts.emplace_back(std::size_t{1} << 20, c);
    for (const auto& text : texts) ASSERT_EQ(joined(pre.split(text)), text);
    for (const auto& regex : row.regexes) {
      const Regex jit(regex);
      const Regex interpreted("(*NO_JIT)" + std::string(regex));
      Matcher matcher;
      for (const auto& text : long_texts(1 << 15)) {
        ASSERT_EQ(matcher.find(jit, text, 0), matcher.find(interpreted, text, 0));
      }
    }
  }
}

TEST(Regex, RunawayPatternsFailInsteadOfHanging) {
  const Regex regex("(*NO_JIT)(*NO_START_OPT)(a+)+b");
  Matcher matcher;
  EXPECT_THROW(matcher.find(regex, std::string(200, 'a'), 0), Error);
  EXPECT_THROW(Regex("(a"), Error);
  EXPECT_THROW(Regex("[\\S]"), Error);
}

}  // namespace
}  // namespace onebit
