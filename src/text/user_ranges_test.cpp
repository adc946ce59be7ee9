#include <gtest/gtest.h>

#include "text/test_vocab.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

// Tokens 256..: merge "ab", then these; `user` bytes are between ( and ).
class UserRanges : public testing::Test {
 protected:
  UserRanges() : tokenizer_(vocab()) {}

  static Vocab vocab() {
    Vocab vocab = byte_vocab({{"a", "b"}}, {"<s>", "<s>x", "x<s>y", "ab<", "<tag>", "<|tag|>"});
    vocab.types[261] = vocab.types[262] = static_cast<int32_t>(TokenType::kUserDefined);
    return vocab;
  }

  // Ids from 256 on; a byte is '.'
  std::string special(const std::string& marked) const {
    std::string text;
    std::vector<ByteRange> ranges;
    for (const char c : marked) {
      if (c == '(') {
        ranges.push_back({text.size(), 0});
      } else if (c == ')') {
        ranges.back().end = text.size();
      } else {
        text += c;
      }
    }
    const auto ids = tokenizer_.encode(text, {.parse_special = true, .user_ranges = ranges});
    EXPECT_EQ(tokenizer_.decode(ids, true), text);
    std::string out;
    for (const int32_t id : ids) out += id < 256 ? "." : "[" + std::to_string(id) + "]";
    return out;
  }

  Tokenizer tokenizer_;
};

TEST_F(UserRanges, HoldNoControlToken) {
  EXPECT_EQ(special("<s>"), "[257]");
  EXPECT_EQ(special("(<s>)"), "...");
  EXPECT_EQ(special("(<)s>"), "...");
  EXPECT_EQ(special("<s(>)"), "...");
  EXPECT_EQ(special("<(s)>"), "...");
  EXPECT_EQ(special("(a)<s>(b)"), ".[257].");
  EXPECT_EQ(special("(a)<s>(<s>)<s>(c)<s>"), ".[257]...[257].[257]");
}

TEST_F(UserRanges, AShorterTokenMayStandWhereALongerOneMayNot) {
  EXPECT_EQ(special("<s>x"), "[258]");
  EXPECT_EQ(special("<s>(x)"), "[257].");
  EXPECT_EQ(special("x<s>y"), "[259]");
  EXPECT_EQ(special("x<s>(y)"), ".[257].");
  EXPECT_EQ(special("(x)<s>y"), ".[257].");
}

TEST_F(UserRanges, MergesSeeNoBorder) {
  EXPECT_EQ(special("a(b)"), "[256]");
  EXPECT_EQ(special("(a)b"), "[256]");
  EXPECT_EQ(special("a(b)<s>"), "[256][257]");
  EXPECT_EQ(special("a(b)<"), "[256].");
}

TEST_F(UserRanges, UserDefinedTokensAreWordsUnlessTheyLookLikeControl) {
  EXPECT_EQ(special("(<tag>)"), "[261]");
  EXPECT_EQ(special("<|tag|>"), "[262]");
  EXPECT_EQ(special("(<|tag|>)"), ".......");
}

}  // namespace
}  // namespace onebit
