#include "api/text_stream.h"

#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace onebit::api {
namespace {

struct Out {
  std::string text;
  std::vector<int32_t> tokens;
  bool stopped;
};

// Pieces of `text` as tokens: the vocabulary has a token for each.
Out read(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
         const std::vector<std::string>& stops) {
  TextStream stream(StreamDecoder(tokenizer), stops, true);
  Out out{};
  const auto take = [&](const Piece& piece) {
    out.text += piece.text;
    for (const auto& token : piece.tokens) out.tokens.push_back(token.id);
  };
  for (const int32_t id : ids) {
    take(stream.push({id}));
    if (stream.stopped()) break;
  }
  take(stream.finish());
  out.stopped = stream.stopped();
  return out;
}

// Every way to cut a text into tokens of one and two bytes.
TEST(TextStream, StopStringsAreFoundWhereverTokensEnd) {
  const std::string text = "aabcab\xc3\xa9";  // é is two bytes
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const std::pair pair{text.substr(i, 1), text.substr(i + 1, 1)};
    if (std::ranges::count(merges, pair) == 0) merges.push_back(pair);
  }
  Vocab vocab = byte_vocab(merges);
  const Tokenizer tokenizer(vocab);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"abc"}, "a"},           {{"abd"}, text},          {{"b", "abc"}, "aa"},
      {{"aabcab\xc3\xa9"}, ""}, {{"\xc3\xa9"}, "aabcab"}, {{"cab", "bca"}, "aa"},
      {{"ca", "abca"}, "a"},    {{"ab\xc3\xa9x"}, text},  {{"a"}, ""},
      {{"bcab", "bcac"}, "aa"}};
  int n_tested = 0;
  for (unsigned cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
    std::vector<int32_t> ids;
    std::vector<std::size_t> begins;
    bool is_possible = true;
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = begin + 1;
      while (end < text.size() && (cuts >> (end - 1) & 1) == 0) ++end;
      int32_t found = -1;
      for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) {
        if (tokenizer.token_bytes(id) == text.substr(begin, end - begin)) found = id;
      }
      is_possible = is_possible && found >= 0;
      ids.push_back(found);
      begins.push_back(begin);
      begin = end;
    }
    if (!is_possible) continue;
    ++n_tested;
    for (const auto& [stops, expected] : cases) {
      const Out out = read(tokenizer, ids, stops);
      EXPECT_EQ(out.text, expected) << stops[0];
      EXPECT_EQ(out.stopped, expected != text);
      // Tokens that begin within what was given out.
      const auto n =
          std::ranges::count_if(begins, [&](std::size_t b) { return b < expected.size(); });
      EXPECT_EQ(std::ssize(out.tokens), n) << stops[0];
    }
  }
  EXPECT_GT(n_tested, 15);
}

TEST(TextStream, HoldsBackOnlyWhatMayBecomeAStopString) {
  const Tokenizer tokenizer(byte_vocab());
  TextStream stream(StreamDecoder(tokenizer), {"<end>"}, false);
  EXPECT_EQ(stream.push({'a'}).text, "a");
  EXPECT_EQ(stream.push({'<'}).text, "");
  EXPECT_EQ(stream.push({'e'}).text, "");
  EXPECT_EQ(stream.push({'<'}).text, "<e");
  EXPECT_EQ(stream.push({'x'}).text, "<x");
  EXPECT_EQ(stream.push({'<'}).text, "");
  EXPECT_EQ(stream.finish().text, "<");
}

TEST(TextStream, TokensOfOneCharacterComeWithIt) {
  const Tokenizer tokenizer(byte_vocab());
  TextStream stream(StreamDecoder(tokenizer), {}, true);
  EXPECT_TRUE(stream.push({0xc3}).empty());
  const Piece piece = stream.push({0xa9});
  EXPECT_EQ(piece.text, "\xc3\xa9");
  ASSERT_EQ(piece.tokens.size(), 2u);
  EXPECT_EQ(stream.push({'x'}).tokens.at(0).offset, 1);  // in characters
  EXPECT_TRUE(stream.push({0xe2}).empty());
  const Piece last = stream.finish();
  EXPECT_EQ(last.text, "\xef\xbf\xbd");
  EXPECT_EQ(last.tokens.size(), 1u);
}

}  // namespace
}  // namespace onebit::api
