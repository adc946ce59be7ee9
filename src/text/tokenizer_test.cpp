#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "text/test_vocab.h"

namespace onebit {
namespace {

using Ids = std::vector<int32_t>;

// h e l l o -> "he" 256, "ll" 257, "hell" 258, " w" 259
Vocab hello_vocab(const std::vector<std::string>& control = {}) {
  return byte_vocab({{"h", "e"}, {"l", "l"}, {"he", "ll"}, {" ", "w"}}, control);
}

TEST(Tokenizer, MergesWithinPieces) {
  const Tokenizer tokenizer(hello_vocab());
  EXPECT_EQ(tokenizer.encode("hello w"), (Ids{258, 'o', 259}));
  EXPECT_EQ(tokenizer.encode("hello  w"), (Ids{258, 'o', ' ', 259}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(tokenizer.decode(Ids{258, 'o', 259}), "hello w");
  EXPECT_EQ(tokenizer.n_vocab(), 260);
}

TEST(Tokenizer, IgnoreMergesTakesWholePieces) {
  Vocab vocab = hello_vocab();
  vocab.tokens.push_back("hello");  // no merge leads to it
  vocab.types.push_back(1);
  EXPECT_EQ(Tokenizer(vocab).encode("hello"), (Ids{258, 'o'}));
  vocab.ignore_merges = true;
  EXPECT_EQ(Tokenizer(vocab).encode("hello"), (Ids{260}));
  EXPECT_EQ(Tokenizer(vocab).encode("hellow"), (Ids{258, 'o', 'w'}));
}

TEST(Tokenizer, AnyBytesComeBack) {
  Rng rng(1);
  for (const auto& row : pre_tokenizers()) {
    Vocab vocab = byte_vocab({{"\xe4", "\xb8"}, {" ", " "}, {"\xff", "\xff"}, {"\xc3", "\xa9"}});
    vocab.pre = row.names[0];
    vocab.ignore_merges = row.ignore_merges;
    const Tokenizer tokenizer(vocab);
    for (int i = 0; i < 2000; ++i) {
      const std::string bytes = random_bytes(rng, rng.below(100));
      ASSERT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes);
      const std::string text = random_text(rng, rng.below(50));
      ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    }
  }
}

TEST(Tokenizer, InvalidUtf8BytesDoNotMergeWithNeighbours) {
  const Tokenizer tokenizer(byte_vocab({{"a", "\xff"}, {"\xff", "\xff"}, {"a", "b"}}));
  EXPECT_EQ(tokenizer.encode("ab\xff\xff"
                             "ab"),
            (Ids{258, 0xff, 0xff, 258}));
}

TEST(Tokenizer, SpecialTokensAreTextUnlessAskedFor) {
  const std::vector<std::string> control = {"<|end|>", "<|", "<|end|>x", "hello"};
  for (const char* pre : {"gpt-2", "llama-bpe", "char", "none"}) {
    Vocab vocab = hello_vocab(control);
    vocab.pre = pre;
    vocab.ignore_merges = true;  // the way round that would find them as whole pieces
    const Tokenizer tokenizer(vocab);
    for (const auto& text : control) {
      for (const std::string& around : {text, "a " + text + " b", text + text}) {
        const Ids ids = tokenizer.encode(around);
        for (const int32_t id : ids) EXPECT_LT(id, 260) << around;
        EXPECT_EQ(tokenizer.decode(ids), around);
      }
    }
    // Leftmost, and the longest there.
    const EncodeOptions parse{.parse_special = true};
    EXPECT_EQ(tokenizer.encode("a<|end|>y", parse), (Ids{'a', 260, 'y'}));
    EXPECT_EQ(tokenizer.encode("<|end|>x<|en", parse), (Ids{262, 261, 'e', 'n'}));
    EXPECT_EQ(tokenizer.encode("<<|hello|>", parse), (Ids{'<', 261, 263, '|', '>'}));
    EXPECT_EQ(tokenizer.special_id("<|"), 261);
    EXPECT_EQ(tokenizer.special_id("he"), -1);
    EXPECT_EQ(tokenizer.token_bytes(260), "");
    EXPECT_EQ(tokenizer.token_bytes(260, true), "<|end|>");
    EXPECT_EQ(tokenizer.decode(Ids{'a', 260, 'b'}), "ab");
    EXPECT_EQ(tokenizer.decode(Ids{'a', 260, 'b'}, true), "a<|end|>b");
  }
}

TEST(Tokenizer, UserDefinedTokensAreAlwaysFound) {
  Vocab vocab = hello_vocab({"<think>"});
  vocab.types.back() = static_cast<int32_t>(TokenType::kUserDefined);
  const Tokenizer tokenizer(vocab);
  EXPECT_EQ(tokenizer.encode("he<think>he"), (Ids{256, 260, 256}));
  EXPECT_EQ(tokenizer.decode(Ids{260}), "<think>");
}

TEST(Tokenizer, BosWhenTheVocabularyWantsIt) {
  Vocab vocab = hello_vocab({"<s>"});
  vocab.bos_id = 260;
  EXPECT_EQ(Tokenizer(vocab).encode("he", {.add_bos = true}), (Ids{256}));
  vocab.add_bos = true;
  EXPECT_EQ(Tokenizer(vocab).encode("he", {.add_bos = true}), (Ids{260, 256}));
  EXPECT_EQ(Tokenizer(vocab).encode("he"), (Ids{256}));
}

TEST(Tokenizer, EosWhenTheVocabularyWantsIt) {
  Vocab vocab = hello_vocab({"<s>", "</s>"});
  vocab.bos_id = 260;
  vocab.eos_id = 261;
  const EncodeOptions both{.add_bos = true, .add_eos = true};
  EXPECT_EQ(Tokenizer(vocab).encode("he", both), (Ids{256}));
  vocab.add_eos = true;
  EXPECT_EQ(Tokenizer(vocab).encode("he", both), (Ids{256, 261}));
  vocab.add_bos = true;
  EXPECT_EQ(Tokenizer(vocab).encode("he", both), (Ids{260, 256, 261}));
  EXPECT_EQ(Tokenizer(vocab).encode("", both), (Ids{260, 261}));
  EXPECT_EQ(Tokenizer(vocab).encode("he"), (Ids{256}));
}

TEST(Tokenizer, SpecialTokensStripWhiteSpace) {
  Vocab vocab = hello_vocab({"<mask>", "<r>"});
  vocab.strip.assign(vocab.tokens.size(), 0);
  vocab.strip[260] = SpecialTokens::kStripBefore;
  vocab.strip[261] = SpecialTokens::kStripAfter;
  const Tokenizer tokenizer(vocab);
  const EncodeOptions parse{.parse_special = true};
  EXPECT_EQ(tokenizer.encode("a \t<mask> b<r>\u3000\nb", parse),
            (Ids{'a', 260, ' ', 'b', 261, 'b'}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a <mask>")), "a <mask>");  // only text here
}

TEST(Tokenizer, RepeatedPiecesAreTheSame) {
  // More distinct pieces than the cache of recent ones holds, of all lengths, again and again.
  const Tokenizer tokenizer(hello_vocab());
  Rng rng(4);
  std::string text;
  Ids expected;
  for (int i = 0; i < 30000; ++i) {
    std::string piece = " w";
    for (uint64_t n = rng.below(20); n > 0; --n) piece += "helo"[rng.below(4)];
    text += piece;
    for (const int32_t id : tokenizer.encode(piece)) expected.push_back(id);
  }
  EXPECT_EQ(tokenizer.encode(text), expected);
}

TEST(Tokenizer, StopTokens) {
  Vocab vocab = hello_vocab({"<|im_end|>", "<|other|>", "<|third|>"});
  vocab.eos_id = 'z';
  vocab.stop_ids = {261};
  const Tokenizer tokenizer(vocab);
  for (const int32_t id : {static_cast<int32_t>('z'), 260, 261}) EXPECT_TRUE(tokenizer.is_stop(id));
  for (const int32_t id : {0, 262, -1, 263}) EXPECT_FALSE(tokenizer.is_stop(id));
}

TEST(Tokenizer, MissingBytesAreNamedWithTheirOffset) {
  Vocab vocab;
  vocab.pre = "gpt-2";
  vocab.tokens = {"a", "b", "<e>"};
  vocab.types = {1, 1, 3};
  const Tokenizer tokenizer(vocab);
  EXPECT_EQ(tokenizer.encode("abba"), (Ids{0, 1, 1, 0}));
  try {
    tokenizer.encode("ab<e>a\xc3\xa9", {.parse_special = true});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(e.what(), "text: byte '\\xc3' at offset 6 is not in the vocabulary");
  }
}

TEST(Tokenizer, OfEqualTokensANormalOneThenTheLowestId) {
  Vocab vocab = byte_vocab();
  vocab.tokens.insert(vocab.tokens.end(), {"ab", "ab", "<0x61>"});
  vocab.types.insert(vocab.types.end(), {1, 1, 6});
  vocab.merges = {"a b"};
  const Tokenizer tokenizer(vocab);
  EXPECT_EQ(tokenizer.encode("aab"), (Ids{'a', 256}));
  EXPECT_EQ(tokenizer.token_bytes(258), "a");
}

TEST(Tokenizer, ByteTokensServeWhereNoNormalOneDoes) {
  Vocab vocab;
  vocab.pre = "none";
  vocab.tokens = {"<0x41>", "B", "AB"};
  vocab.types = {6, 1, 1};
  vocab.merges = {"A B"};
  EXPECT_EQ(Tokenizer(vocab).encode("AAB"), (Ids{0, 2}));
}

TEST(Tokenizer, MovesAndServesManyThreads) {
  Tokenizer first(hello_vocab());
  const Tokenizer tokenizer(std::move(first));
  Rng rng(3);
  std::string text;
  for (int i = 0; i < 50; ++i) text += "hello w" + random_text(rng, 10);
  const Ids expected = tokenizer.encode(text);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(tokenizer.encode(text), expected);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Tokenizer, AMegabyteOfAnything) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t n = 1; n <= 64; n *= 2)
    merges.emplace_back(std::string(n, 'a'), std::string(n, 'a'));
  const Tokenizer tokenizer(byte_vocab(merges, {"<|a|>", "<|aaaaaaaaaaaaaaaaaaaaaaa|>"}));
  for (const char* unit : {"a", " ", "<|", "<|a|>", "\xff", "a\xff"}) {
    std::string text;
    while (text.size() < std::size_t{1} << 20) text += unit;
    for (const bool parse : {false, true}) {
      const Ids ids = tokenizer.encode(text, {.parse_special = parse});
      ASSERT_EQ(tokenizer.decode(ids, true), text);
    }
  }
}

// What a broken or hostile file may say, and the line that names it.
struct BadVocab {
  const char* message;
  void (*spoil)(Vocab&);
};

class HostileVocab : public ::testing::TestWithParam<BadVocab> {};

TEST_P(HostileVocab, IsRefusedByName) {
  Vocab vocab = hello_vocab({"<s>"});
  Tokenizer{vocab};  // fine before
  GetParam().spoil(vocab);
  try {
    Tokenizer{vocab};
    FAIL() << GetParam().message;
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, HostileVocab,
    ::testing::Values(
        BadVocab{"vocabulary: 1 to 2097152 tokens expected, found 0", [](Vocab& v) { v = {}; }},
        BadVocab{"vocabulary: one type per token expected (261), found 260",
                 [](Vocab& v) { v.types.pop_back(); }},
        BadVocab{"vocabulary: one type per token expected (260), found 261",
                 [](Vocab& v) { v.tokens.pop_back(); }},
        BadVocab{"vocabulary: token 65 'A': type 1 to 6 expected, found 0",
                 [](Vocab& v) { v.types[65] = 0; }},
        BadVocab{"vocabulary: token 65 'A': type 1 to 6 expected, found -2147483648",
                 [](Vocab& v) { v.types[65] = std::numeric_limits<int32_t>::min(); }},
        BadVocab{"vocabulary: token 65 '<0x-1>': expected <0xHH> for a byte token",
                 [](Vocab& v) { v.types[65] = 6, v.tokens[65] = "<0x-1>"; }},
        BadVocab{"vocabulary: token 65 '<0xZZ>': expected <0xHH> for a byte token",
                 [](Vocab& v) { v.types[65] = 6, v.tokens[65] = "<0xZZ>"; }},
        BadVocab{"vocabulary: token 65 '<0x041>': expected <0xHH> for a byte token",
                 [](Vocab& v) { v.types[65] = 6, v.tokens[65] = "<0x041>"; }},
        BadVocab{"vocabulary: token 258 'a\\xff': not valid UTF-8",
                 [](Vocab& v) { v.tokens[258] = "a\xff"; }},
        BadVocab{"vocabulary: bos_id: -1 to 260 expected, found 261",
                 [](Vocab& v) { v.bos_id = 261; }},
        BadVocab{"vocabulary: bos_id: -1 to 260 expected, found -2",
                 [](Vocab& v) { v.bos_id = -2; }},
        BadVocab{"vocabulary: eos_id: -1 to 260 expected, found 2147483647",
                 [](Vocab& v) { v.eos_id = std::numeric_limits<int32_t>::max(); }},
        BadVocab{"vocabulary: stop_ids: 0 to 260 expected, found -1",
                 [](Vocab& v) {
                   v.stop_ids = {3, -1};
                 }},
        BadVocab{"vocabulary: add_bos is set but there is no bos_id",
                 [](Vocab& v) { v.add_bos = true; }},
        BadVocab{"vocabulary: merge 1 'lz': expected two parts separated by a space",
                 [](Vocab& v) { v.merges[1] = "lz"; }},
        BadVocab{"vocabulary: merge 1 ' l': expected two parts separated by a space",
                 [](Vocab& v) { v.merges[1] = " l"; }},
        BadVocab{"vocabulary: merge 1 'l ': expected two parts separated by a space",
                 [](Vocab& v) { v.merges[1] = "l "; }},
        BadVocab{"vocabulary: merge 1 '': expected two parts separated by a space",
                 [](Vocab& v) { v.merges[1] = ""; }},
        BadVocab{"vocabulary: merge 1 'l zz': 'zz' is not a token that text can produce",
                 [](Vocab& v) { v.merges[1] = "l zz"; }},
        BadVocab{"vocabulary: merge 1 'xy l': 'xy' is not a token that text can produce",
                 [](Vocab& v) { v.merges[1] = "xy l"; }},
        BadVocab{"vocabulary: merge 1 'l z': 'lz' is not a token that text can produce",
                 [](Vocab& v) { v.merges[1] = "l z"; }},
        BadVocab{"vocabulary: merge 1 'l \\xff': not valid UTF-8",
                 [](Vocab& v) { v.merges[1] = "l \xff"; }},
        // A merge that makes a control token would let a user's text do so.
        BadVocab{"vocabulary: merge 4 '< s>': 's>' is not a token that text can produce",
                 [](Vocab& v) { v.merges.push_back("< s>"); }},
        BadVocab{"vocabulary: merge 0 'h e': 'he' is not a token that text can produce",
                 [](Vocab& v) { v.types[256] = 3; }}));

TEST(HostileVocab, LimitsOnSizes) {
  Vocab vocab = hello_vocab({std::string(SpecialTokens::kMaxBytes, '<')});
  Tokenizer{vocab};
  vocab.tokens.back() += '<';
  EXPECT_THROW(Tokenizer{vocab}, Error);
  vocab = hello_vocab();
  vocab.pre = "no such";
  EXPECT_THROW(Tokenizer{vocab}, Error);
  vocab = {};
  vocab.tokens.resize(Tokenizer::kMaxTokens + 1);
  vocab.types.assign(vocab.tokens.size(), 5);
  EXPECT_THROW(Tokenizer{vocab}, Error);
}

TEST(Tokenizer, IdsOutOfRangeAreErrors) {
  const Tokenizer tokenizer(byte_vocab());
  for (const int32_t id : {-1, 256, std::numeric_limits<int32_t>::max()}) {
    EXPECT_THROW(static_cast<void>(tokenizer.token_bytes(id)), Error);
    EXPECT_THROW(tokenizer.decode(Ids{0, id}), Error);
  }
}

}  // namespace
}  // namespace onebit
