#include "text/spm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "text/stream_decoder.h"
#include "text/test_vocab.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

using Ids = std::vector<int32_t>;

struct Scored {
  std::string text;
  float score;
  TokenType type = TokenType::kNormal;
};

// <unk> 0, <s> 1, </s> 2, the bytes 3..258, then `tokens`.
Vocab spm_vocab(const std::vector<Scored>& tokens, bool with_bytes = true) {
  Vocab vocab;
  vocab.model = VocabModel::kSpm;
  const auto add = [&](const Scored& token) {
    vocab.tokens.push_back(token.text);
    vocab.scores.push_back(token.score);
    vocab.types.push_back(static_cast<int32_t>(token.type));
  };
  add({"<unk>", 0, TokenType::kUnknown});
  add({"<s>", 0, TokenType::kControl});
  add({"</s>", 0, TokenType::kControl});
  for (int byte = 0; byte < 256; ++byte) {
    const std::string hex = {"0123456789ABCDEF"[byte / 16], "0123456789ABCDEF"[byte % 16]};
    add({"<0x" + hex + ">", 0, with_bytes ? TokenType::kByte : TokenType::kUnused});
  }
  for (const auto& token : tokens) add(token);
  vocab.unk_id = 0;
  vocab.bos_id = 1;
  vocab.eos_id = 2;
  vocab.add_bos = true;
  return vocab;
}

constexpr int32_t byte_id(int byte) {
  return 3 + byte;
}

// SentencePiece's own description, one merge after another. Texts and tokens with U+2581.
Ids naive_encode(const Vocab& vocab, std::string_view text) {
  std::vector<std::string> symbols;
  while (!text.empty()) {
    const Utf8Head head = utf8_head(text);
    symbols.emplace_back(text.substr(0, static_cast<std::size_t>(head.length)));
    text.remove_prefix(symbols.back().size());
  }
  const auto id_of = [&](const std::string& s) {
    for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
      if (vocab.tokens[id] == s && vocab.types[id] == 1) return static_cast<int32_t>(id);
    }
    return -1;
  };
  for (;;) {
    std::size_t best = symbols.size();
    float best_score = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const int32_t id = id_of(symbols[i] + symbols[i + 1]);
      if (id < 0) continue;
      const float score = vocab.scores[static_cast<std::size_t>(id)];
      if (best == symbols.size() || score > best_score) best = i, best_score = score;
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<int64_t>(best) + 1);
  }
  Ids ids;
  for (const auto& symbol : symbols) {
    if (const int32_t id = id_of(symbol); id >= 0) {
      ids.push_back(id);
    } else {
      // A space without a token stays a space (elsewhere U+2581, spelled in bytes).
      for (const char c : symbol == "▁" ? " " : symbol) {
        ids.push_back(byte_id(static_cast<uint8_t>(c)));
      }
    }
  }
  return ids;
}

TEST(Spm, HighestScoreThenLeftmost) {
  const Tokenizer tokenizer(spm_vocab({{"▁", -9},
                                       {"a", -9},
                                       {"b", -9},
                                       {"c", -9},
                                       {"ab", -2},
                                       {"bc", -1},
                                       {"▁a", -3},
                                       {"aa", -4},
                                       {"cb", -4}}));
  // ▁ 259, a 260, b 261, c 262, ab 263, bc 264, ▁a 265, aa 266, cb 267
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{265, 264}));
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{259, 263}));
  EXPECT_EQ(tokenizer.encode("baaa"), (Ids{259, 261, 266, 260}));
  EXPECT_EQ(tokenizer.encode("x"), (Ids{259, byte_id('x')}));
  EXPECT_EQ(tokenizer.encode("a\u00e9\xff"),
            (Ids{265, byte_id(0xc3), byte_id(0xa9), byte_id(0xff)}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(tokenizer.encode("", {.add_bos = true}), Ids{1});
  // U+2581 is a space.
  EXPECT_EQ(tokenizer.encode("b▁a"), tokenizer.encode("b a"));
}

TEST(Spm, EqualsTheDefinitionOnRandomVocabularies) {
  Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    // Characters may be missing, words may or may not span spaces, scores may be equal.
    static constexpr const char* kLetters[] = {"a", "b", "▁", "\u4e2d", "\u00e9"};
    const auto word = [&](uint64_t n) {
      std::string s;
      for (; n > 0; --n) s += kLetters[rng.below(std::size(kLetters))];
      return s;
    };
    std::vector<Scored> tokens;
    for (uint64_t n = rng.below(30); n > 0; --n) {
      std::string text = word(1 + rng.below(4));
      if (round % 2 && text.rfind("▁") != std::string::npos && text.rfind("▁") > 0) continue;
      const bool is_new = std::ranges::none_of(tokens, [&](auto& t) { return t.text == text; });
      if (is_new) tokens.push_back({text, -static_cast<float>(rng.below(6))});
    }
    Vocab vocab = spm_vocab(tokens);
    vocab.add_space_prefix = false;
    const Tokenizer tokenizer(vocab);
    for (int i = 0; i < 30; ++i) {
      const std::string text = word(rng.below(30));
      ASSERT_EQ(tokenizer.encode(text), naive_encode(vocab, text)) << text;
    }
  }
}

TEST(Spm, SpacesAtTheStart) {
  Vocab vocab = spm_vocab(
      {{"▁", -9}, {"a", -9}, {"▁a", -1}, {"▁▁", -2}, {"<u>", 0, TokenType::kUserDefined}});
  const Tokenizer with(vocab);
  vocab.add_space_prefix = false;
  const Tokenizer without(vocab);
  // ▁ 259, a 260, ▁a 261, ▁▁ 262, <u> 263
  EXPECT_EQ(with.encode("a"), (Ids{261}));
  EXPECT_EQ(with.encode(" a"), (Ids{259, 261}));
  EXPECT_EQ(without.encode("a"), (Ids{260}));
  EXPECT_EQ(without.encode(" a"), (Ids{261}));
  EXPECT_EQ(with.encode("a<u>a"), (Ids{261, 263, 261}));
  EXPECT_EQ(with.encode("<s>a</s> a", {.parse_special = true}), (Ids{1, 261, 2, 259, 261}));
  EXPECT_EQ(with.decode(Ids{261}), "a");
  EXPECT_EQ(with.decode(Ids{259, 261}), " a");
  EXPECT_EQ(with.decode(Ids{1, 261, 2, 261}, true), "<s>a</s>a");
  EXPECT_EQ(with.decode(Ids{260, 261}), "a a");
  EXPECT_EQ(with.decode(Ids{byte_id(' '), 261}), " a");
  EXPECT_EQ(without.decode(Ids{261}), " a");
  for (const char* text : {"a<u>a", " <u> a<u>", "<u><u>", "  ", " ", "a  a"}) {
    EXPECT_EQ(with.decode(with.encode(text)), text);
    EXPECT_EQ(without.decode(without.encode(text)), text);
  }
}

TEST(Spm, StreamsWhatDecodeGives) {
  const Tokenizer tokenizer(spm_vocab({{"▁", -9}, {"a", -9}, {"▁a", -1}}));
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(1), "");
  EXPECT_EQ(decoder.push(261), "a");
  EXPECT_EQ(decoder.push(261), " a");
  EXPECT_EQ(decoder.push(byte_id(0xc3)), "");
  EXPECT_EQ(decoder.push(byte_id(0xa9)), "\u00e9");
  EXPECT_EQ(decoder.finish(), "");
  EXPECT_EQ(decoder.push(261), "a");  // a new text
}

TEST(Spm, AnyBytesComeBack) {
  // Of normalisation only U+2581 is left: it becomes a space, and is not drawn here.
  Rng rng(1);
  for (const bool spaces_inside : {false, true}) {
    std::vector<Scored> tokens = {{"▁", -9}, {"a", -9}, {"▁a", -1}, {"▁▁", -2}, {"\u4e2d", -3}};
    if (spaces_inside) tokens.push_back({"a▁a", -1});
    Vocab vocab = spm_vocab(tokens);
    for (const bool prefix : {false, true}) {
      vocab.add_space_prefix = prefix;
      const Tokenizer tokenizer(vocab);
      StreamDecoder decoder(tokenizer);
      for (int i = 0; i < 10000; ++i) {
        std::string text = random_text(rng, rng.below(30));
        for (uint64_t n = rng.below(4); n > 0; --n) text.insert(rng.below(text.size() + 1), " a");
        if (i % 2) text += random_bytes(rng, rng.below(20));
        if (text.find(kSpmSpace) != std::string::npos) continue;
        const Ids ids = tokenizer.encode(text);
        ASSERT_EQ(tokenizer.decode(ids), text);
        std::string streamed;
        for (const int32_t id : ids) streamed += decoder.push(id);
        ASSERT_EQ(streamed + decoder.finish(), to_valid_utf8(text));
      }
    }
  }
}

TEST(Spm, UnknownCharactersWithoutByteTokens) {
  Vocab vocab = spm_vocab({{"▁", -9}, {"a", -9}}, false);
  EXPECT_EQ(Tokenizer(vocab).encode("axya z\xff"), (Ids{259, 260, 0, 260, 259, 0, 0}));
  vocab.unk_id = -1;
  try {
    Tokenizer(vocab).encode("a\u00e9");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(e.what(), "text: '\\xc3\\xa9' is not in the vocabulary");
  }
}

TEST(Spm, NoTextMakesAControlToken) {
  const Tokenizer tokenizer(
      spm_vocab({{"▁", -9}, {"<", -9}, {"s", -9}, {">", -9}, {"<s", -1}, {"s>", -1}}));
  for (const int32_t id : tokenizer.encode("<s>")) EXPECT_GE(id, 259);
}

TEST(Spm, WorkIsLinear) {
  // Tokens a, aa, aaa, ...: every way to cut every token is a merge.
  std::vector<Scored> tokens;
  for (std::size_t n = 1; n <= 1000; ++n)
    tokens.push_back({std::string(n, 'a'), static_cast<float>(n)});
  tokens.push_back({"▁", 0});
  const Tokenizer tokenizer(spm_vocab(tokens));
  for (const char* unit : {"a", " ", "a ", "\u00e9", "\xff", "a\u4e2d"}) {
    std::string text;
    while (text.size() < std::size_t{1} << 20) text += unit;
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

TEST(Spm, HostileVocabularies) {
  const auto message = [](auto&& spoil) -> std::string {
    Vocab vocab = spm_vocab({{"▁", -9}});
    Tokenizer{vocab};
    spoil(vocab);
    try {
      Tokenizer{vocab};
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message([](Vocab& v) { v.scores.pop_back(); }),
            "vocabulary: one score per token expected (260), found 259");
  EXPECT_EQ(message([](Vocab& v) { v.scores[259] = std::nanf(""); }),
            "vocabulary: token 259 '\\xe2\\x96\\x81': score: number expected, found nan");
  EXPECT_EQ(message([](Vocab& v) { v.tokens[259] = "\xff"; }),
            "vocabulary: token 259 '\\xff': not valid UTF-8");
  EXPECT_EQ(message([](Vocab& v) { v.unk_id = 260; }),
            "vocabulary: unk_id: -1 to 259 expected, found 260");
  EXPECT_EQ(message([](Vocab& v) { v.add_eos = true, v.eos_id = -1; }),
            "vocabulary: add_eos is set but there is no eos_id");
  EXPECT_EQ(message([](Vocab& v) { v.strip = {1}; }),
            "vocabulary: no strip flags or one per token expected (260), found 1");
  EXPECT_EQ(message([](Vocab& v) { v.tokens[259] = ""; }), "accepted");
  EXPECT_EQ(message([](Vocab& v) { v.scores[259] = -std::numeric_limits<float>::infinity(); }),
            "accepted");
}

}  // namespace
}  // namespace onebit
