#include "vocab/tiktoken.h"

#include "text/tokenizer.h"
#include "vocab/vocab_sample.h"

namespace onebit {
namespace {

using namespace testing;

// a, b, ab, aa, aab, aaab (base64 of each)
constexpr std::string_view kSample = "YQ== 0\nYg== 1\nYWI= 2\nYWE= 3\nYWFi 4\nYWFhYg== 6\n";

std::string refused_tiktoken(std::string_view text) {
  return refusal([&] { parse_tiktoken(text, "FILE"); });
}

TEST(Tiktoken, TokensAndEveryCutOfEachIntoTwo) {
  const Vocab vocab = parse_tiktoken(kSample, "FILE");
  EXPECT_EQ(vocab.tokens, (std::vector<std::string>{"a", "b", "ab", "aa", "aab", "", "aaab"}));
  EXPECT_EQ(vocab.types,
            (std::vector<int32_t>{kNormal, kNormal, kNormal, kNormal, kNormal, kUnused, kNormal}));
  EXPECT_EQ(vocab.merges,
            (std::vector<std::string>{"a b", "a a", "a ab", "aa b", "a aab", "aa ab"}));
  EXPECT_EQ(vocab.pre, "llama-bpe");
  EXPECT_TRUE(vocab.ignore_merges);
  EXPECT_EQ(vocab.bos_id, -1);
  EXPECT_EQ(Tokenizer(vocab).encode("aaab"), std::vector<int32_t>{6});
  EXPECT_EQ(Tokenizer(vocab).encode("abab"), (std::vector<int32_t>{2, 2}));
}

// Against the definition, on random tokens over two letters.
TEST(Tiktoken, MergesAreWhatTheDefinitionSays) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> tokens;
    std::string text;
    for (int i = 0; i < 60; ++i) {
      std::string token;
      for (auto n = 3 * (1 + rng.below(3)); n > 0; --n) token += rng.below(2) ? "\xff" : "b";
      if (std::ranges::find(tokens, token) != tokens.end()) continue;
      for (std::size_t j = 0; j < token.size(); j += 3) {
        const auto byte = [&](std::size_t k) { return static_cast<uint8_t>(token[j + k]); };
        const uint32_t bits = static_cast<uint32_t>(byte(0) << 16 | byte(1) << 8 | byte(2));
        for (int shift = 18; shift >= 0; shift -= 6) text += kDigits[bits >> shift & 63];
      }
      text += " " + std::to_string(tokens.size()) + "\n";
      tokens.push_back(token);
    }
    std::vector<std::string> expected;
    for (const auto& whole : tokens) {
      for (const auto& left : tokens) {
        for (const auto& right : tokens) {
          if (left + right != whole) continue;
          expected.push_back(to_byte_alphabet(left) + " " + to_byte_alphabet(right));
        }
      }
    }
    EXPECT_EQ(parse_tiktoken(text, "FILE").merges, expected);
  }
}

TEST(Tiktoken, Llama3GetsItsSpecialTokens) {
  std::string text;
  for (int i = 0; i < 128000; ++i) {  // three digits of base 64 and A: 0xHHHHH0
    constexpr const char* kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text += kDigits[i >> 12 & 63];
    text += kDigits[i >> 6 & 63];
    text += kDigits[i & 63];
    text += "A " + std::to_string(i) + "\n";
  }
  const Vocab vocab = parse_tiktoken(text, "FILE");
  ASSERT_EQ(vocab.tokens.size(), 128256u);
  EXPECT_EQ(vocab.tokens[128000], "<|begin_of_text|>");
  EXPECT_EQ(vocab.tokens[128006], "<|start_header_id|>");
  EXPECT_EQ(vocab.tokens[128009], "<|eot_id|>");
  EXPECT_EQ(vocab.tokens[128010], "<|reserved_special_token_5|>");
  EXPECT_EQ(vocab.tokens[128255], "<|reserved_special_token_250|>");
  EXPECT_EQ(vocab.types[128255], kControl);
  EXPECT_EQ(vocab.bos_id, 128000);
  EXPECT_EQ(vocab.eos_id, 128001);
  EXPECT_EQ(vocab.stop_ids, std::vector<int32_t>{128009});
  EXPECT_TRUE(vocab.add_bos);
}

TEST(Tiktoken, Refusals) {
  EXPECT_EQ(refused_tiktoken(""), "FILE: tokens: expected at least one line, found none");
  EXPECT_EQ(refused_tiktoken("YQ== 0\n\nYg== 1\n"),
            "FILE: line 2: expected base64, a space and a rank, found ''");
  for (const char* bad : {"YQ=", "YQ", "Y===", "YR==", "YW=", "Y Q==", "",
                          "YQ==YQ==", "=YQ=", "YQ\n=", "Y-==", "YWJ="}) {
    EXPECT_NE(refused_tiktoken(std::string(bad) + " 0\n"), "") << bad;
  }
  for (const char* bad : {"", "-1", "+1", "0x1", "1 ", " 1", "1\r", "1.0", "1e3",
                          "18446744073709551616", "9223372036854775807", "2097152", "65537"}) {
    EXPECT_NE(refused_tiktoken("YQ== " + std::string(bad) + "\n"), "") << bad;
  }
  EXPECT_EQ(refused_tiktoken("YQ== 65536\n"), "");
  EXPECT_EQ(refused_tiktoken("YQ== 3\nYg== 3\n"),
            "FILE: rank: expected id 3 once, found 'a' and 'b'");
  EXPECT_EQ(refused_tiktoken("YQ== 3\nYQ== 4\n"),
            "FILE: tokens: expected every token once, found 'a' as 3 and 4");
  EXPECT_EQ(refused_tiktoken(std::string(4 * 86, 'A') + " 0\n"),
            "FILE: line 1: expected at most 256 bytes, found '258 bytes'");
}

TEST(Tiktoken, EveryTruncationAndFlip) {
  for (std::size_t n = 0; n < kSample.size(); ++n) refused_tiktoken(kSample.substr(0, n));
  for (std::size_t i = 0; i < 8 * kSample.size(); ++i) {
    std::string text(kSample);
    text[i / 8] = static_cast<char>(text[i / 8] ^ 1 << i % 8);
    refused_tiktoken(text);
  }
}

// Nested prefixes of every length: each of 256 bytes has 255 cuts.
TEST(Tiktoken, MergesAreBoundedByTheFile) {
  std::string text;
  int rank = 0;
  for (const std::string digits : {"AAAA", "BBBB", "CCCC"}) {
    std::string token;
    for (int n = 0; n < 85; ++n) text += (token += digits) + " " + std::to_string(rank++) + "\n";
  }
  EXPECT_EQ(parse_tiktoken(text, "FILE").merges.size(), 3u * 85 * 84 / 2);
}

}  // namespace
}  // namespace onebit
