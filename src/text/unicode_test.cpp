#include "text/unicode.h"

#include <gtest/gtest.h>

#include "base/sanitized.h"
#include "text/regex_oracle.h"
#include "text/test_vocab.h"

namespace onebit {
namespace {

TEST(Unicode, ClassesArePcre2s) {
  char version[32];
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
  const std::pair<CharClass, const char*> classes[] = {
      {kLetter, "^\\p{L}$"}, {kNumber, "^\\p{N}$"},
      {kMark, "^\\p{M}$"},   {kPunctuation, "^\\p{P}$"},
      {kSpace, "^\\s$"},     {kAsciiSymbol, "^[$+<=>\\^~|]$"},
      {kBacktick, "^`$"},    {kOther, "^[^\\p{L}\\p{N}\\p{M}\\p{P}\\s$+<=>\\^~|`]$"},
  };
  for (const auto& [expected, pattern] : classes) {
    const RegexOracle oracle(pattern);
    for (char32_t c = 0; c <= 0x10ffff; ++c) {
      if (c == 0xd800) c = 0xe000;
      if (kIsSanitized && c >= 0x3000 && c % 16 != 0) continue;
      // Versions of Unicode differ in what was unassigned.
      if (version != std::string_view(kUnicodeVersion) && char_class(c) == kOther) continue;
      std::string text;
      append_utf8(text, c);
      ASSERT_EQ(char_class(c) == expected, oracle.matches(text)) << static_cast<uint32_t>(c);
      const ClassifiedChar classified = classify("x" + text, 1);
      ASSERT_EQ(classified.kind, char_class(c));
      ASSERT_EQ(classified.length, text.size());
    }
  }
}

TEST(Unicode, SpaceAtTheEnds) {
  EXPECT_EQ(leading_space(" \t\u00a0\u3000x "), 7u);
  EXPECT_EQ(leading_space("\u3000"), 3u);
  EXPECT_EQ(leading_space(""), 0u);
  EXPECT_EQ(leading_space("x"), 0u);
  EXPECT_EQ(trailing_space(" x\u2028\u0085\n"), 6u);
  EXPECT_EQ(trailing_space("\u3000"), 3u);
  EXPECT_EQ(trailing_space(" \u3000"), 4u);
  EXPECT_EQ(trailing_space("x"), 0u);
  EXPECT_EQ(trailing_space(""), 0u);
  // Parts of characters are no space, whatever follows.
  EXPECT_EQ(trailing_space("\xa0"), 0u);
  EXPECT_EQ(trailing_space("\xc2\xa0\xa0"), 0u);
  EXPECT_EQ(trailing_space("\x80\x80 "), 1u);
  EXPECT_EQ(leading_space(" \xe3\x80"), 1u);
}

}  // namespace
}  // namespace onebit
