#include "vocab/sentencepiece.h"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <limits>
#include <sstream>
#include <tuple>

#include "vocab/tokenizer_json.h"
#include "vocab/vocab_sample.h"

namespace onebit {
namespace {

using namespace testing;

// Writes protobuf fields.
struct Message {
  std::string bytes;

  Message& raw_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
    return *this;
  }
  Message& varint(uint32_t field, uint64_t value) {
    return raw_varint(field << 3).raw_varint(value);
  }
  Message& text(uint32_t field, std::string_view value) {
    raw_varint(field << 3 | 2).raw_varint(value.size());
    bytes += value;
    return *this;
  }
  Message& number(uint32_t field, float value) {
    raw_varint(field << 3 | 5);
    bytes.append(reinterpret_cast<const char*>(&value), 4);
    return *this;
  }
  Message& piece(std::string_view text_, float score, uint64_t type = 1) {
    Message piece;
    piece.text(1, text_).number(2, score);
    if (type != 1) piece.varint(3, type);
    return text(1, piece.bytes);
  }
};

constexpr uint64_t kMinusOne = ~uint64_t{0};

Message trainer() {
  return Message().varint(3, 2).varint(40, 0).varint(41, 1).varint(42, kMinusOne);
}
Message normalizer() {
  return Message().text(1, "identity").text(2, "").varint(3, 0).varint(4, 0);
}

std::string sample(const Message& trainer_spec = trainer(),
                   const Message& normalizer_spec = normalizer()) {
  return Message()
      .piece("<unk>", 0, 2)
      .piece("<s>", 0, 3)
      .piece("<0x0A>", 0, 6)
      .piece("ab", -0.5f)
      .piece("a", -1)
      .text(2, trainer_spec.bytes)
      .text(3, normalizer_spec.bytes)
      .text(4, "self test data")
      .varint(200, 7)
      .number(201, 1)
      .bytes;
}

Vocab parse_sentencepiece_bytes(const std::string& bytes) {
  // Its own block, so that the sanitizer sees a read past the end.
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  copy.shrink_to_fit();
  return parse_sentencepiece(copy, "FILE");
}

std::string refused_sentencepiece(const std::string& bytes) {
  return refusal([&] { parse_sentencepiece_bytes(bytes); });
}

TEST(SentencePiece, Fields) {
  const Vocab vocab = parse_sentencepiece_bytes(sample());
  EXPECT_EQ(vocab.model, VocabModel::kSpm);
  EXPECT_EQ(vocab.tokens, (std::vector<std::string>{"<unk>", "<s>", "<0x0A>", "ab", "a"}));
  EXPECT_EQ(vocab.types, (std::vector<int32_t>{kUnknown, kControl, kByte, kNormal, kNormal}));
  EXPECT_EQ(vocab.scores, (std::vector<float>{0, 0, 0, -0.5f, -1}));
  EXPECT_EQ(vocab.unk_id, 0);
  EXPECT_EQ(vocab.bos_id, 1);
  EXPECT_EQ(vocab.eos_id, -1);
  EXPECT_TRUE(vocab.add_bos);
  EXPECT_FALSE(vocab.add_space_prefix);
}

TEST(SentencePiece, Defaults) {
  const Message none;
  EXPECT_EQ(refused_sentencepiece(sample(none)),
            "FILE: trainer_spec.model_type: expected BPE (2), found UNIGRAM (1)");
  EXPECT_EQ(refused_sentencepiece(sample(trainer(), none)),
            "FILE: normalizer_spec.remove_extra_whitespaces: expected false, found true");
  const Vocab vocab =
      parse_sentencepiece_bytes(sample(Message().varint(3, 2), Message().varint(4, 0)));
  EXPECT_EQ(vocab.bos_id, 1);
  EXPECT_EQ(vocab.eos_id, 2);
  EXPECT_TRUE(vocab.add_space_prefix);
}

// A model trained by SentencePiece itself (tests/golden/vocab/README.md).
TEST(SentencePiece, RealModel) {
  const Vocab vocab = read_sentencepiece(golden_folder() / "vocab/sentencepiece.model");
  ASSERT_EQ(vocab.tokens.size(), 600u);
  EXPECT_EQ(vocab.tokens[1], "<s>");
  EXPECT_EQ(vocab.tokens[4], "<turn>");
  EXPECT_EQ(vocab.types[4], kUser);
  EXPECT_EQ(std::ranges::count(vocab.types, kByte), 256);
  EXPECT_EQ(std::ranges::count(vocab.types, kControl), 3);
  EXPECT_EQ(vocab.unk_id, 0);
  EXPECT_TRUE(vocab.add_space_prefix);
  EXPECT_EQ(vocab.scores[261], 0);
  EXPECT_EQ(vocab.scores[270], -9);
}

// HEX-OF-TEXT|IDS, by SentencePiece.
std::vector<std::pair<std::string, std::vector<int32_t>>> golden_cases() {
  std::vector<std::pair<std::string, std::vector<int32_t>>> cases;
  std::ifstream file(golden_folder() / "vocab/sentencepiece.txt");
  for (std::string line; std::getline(file, line);) {
    const std::size_t bar = line.find('|');
    std::istringstream numbers(line.substr(bar + 1));
    cases.emplace_back(from_hex(line.substr(0, bar)), std::vector<int32_t>());
    for (int32_t id; numbers >> id;) cases.back().second.push_back(id);
  }
  EXPECT_GT(cases.size(), 10u);
  return cases;
}

TEST(SentencePiece, TokensAndScoresGiveItsIds) {
  const Vocab vocab = read_sentencepiece(golden_folder() / "vocab/sentencepiece.model");
  for (const auto& [text, ids] : golden_cases()) {
    EXPECT_EQ(encode_spm_slowly(vocab, text), ids) << text;
  }
}

// The same model as Hugging Face's converter writes it: every cut of every token, by score.
TEST(SentencePiece, AsTokenizerJsonItGivesTheSameIds) {
  const Vocab vocab = read_sentencepiece(golden_folder() / "vocab/sentencepiece.model");
  boost::json::object ids;
  for (std::size_t id = 0; id < vocab.tokens.size(); ++id) ids[vocab.tokens[id]] = id;
  std::vector<std::tuple<float, std::size_t, std::size_t, std::string, std::string>> cuts;
  for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
    const std::string& token = vocab.tokens[id];
    for (std::size_t i = 1; i < token.size() && vocab.types[id] == kNormal; ++i) {
      const auto* left = ids.if_contains(token.substr(0, i));
      const auto* right = ids.if_contains(token.substr(i));
      if (left == nullptr || right == nullptr) continue;
      cuts.emplace_back(-vocab.scores[id], left->to_number<std::size_t>(),
                        right->to_number<std::size_t>(), token.substr(0, i), token.substr(i));
    }
  }
  std::ranges::sort(cuts);
  boost::json::array merges;
  for (const auto& [score, l, r, left, right] : cuts) merges.emplace_back(left + " " + right);
  const boost::json::object user = {{"id", 4}, {"content", "<turn>"}, {"special", false}};
  const boost::json::object root = {
      {"added_tokens", boost::json::array{user}},
      {"pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "first"}, {"split", false}}},
      {"model",
       {{"type", "BPE"},
        {"byte_fallback", true},
        {"unk_token", "<unk>"},
        {"vocab", std::move(ids)},
        {"merges", std::move(merges)}}}};
  const Vocab same = parse_tokenizer_json(boost::json::serialize(root), "FILE");
  EXPECT_EQ(same.tokens, vocab.tokens);
  EXPECT_EQ(same.unk_id, vocab.unk_id);
  EXPECT_EQ(same.add_space_prefix, vocab.add_space_prefix);
  for (const auto& [text, golden] : golden_cases()) {
    EXPECT_EQ(encode_spm_slowly(same, text), golden) << text;
  }
}

TEST(SentencePiece, Unsupported) {
  const auto with_trainer = [](uint32_t field, uint64_t value) {
    return refused_sentencepiece(sample(trainer().varint(field, value)));
  };
  EXPECT_EQ(with_trainer(3, 1),
            "FILE: trainer_spec.model_type: expected BPE (2), found UNIGRAM (1)");
  EXPECT_NE(with_trainer(3, 3), "");
  EXPECT_NE(with_trainer(3, kMinusOne), "");
  EXPECT_NE(with_trainer(24, 1), "");
  EXPECT_EQ(with_trainer(24, 0), "");
  EXPECT_NE(refused_sentencepiece(sample(trainer(), normalizer().varint(4, 1))), "");
  EXPECT_NE(refused_sentencepiece(sample(trainer(), normalizer().varint(5, 0))), "");
  EXPECT_EQ(refused_sentencepiece(sample(trainer(), normalizer().text(1, "nmt_nfkc").text(2, "x"))),
            "FILE: normalizer_spec: expected identity, found 'nmt_nfkc'");
}

TEST(SentencePiece, WrongValues) {
  for (const uint32_t field : {40u, 41u, 42u, 43u}) {
    for (const uint64_t id :
         {uint64_t{5}, uint64_t{1} << 31, uint64_t{1} << 32, kMinusOne - 1, uint64_t{1} << 63}) {
      EXPECT_NE(refused_sentencepiece(sample(trainer().varint(field, id))), "")
          << field << " " << id;
    }
  }
  EXPECT_NE(refused_sentencepiece(sample(trainer().varint(40, 3))), "");  // not the unknown piece
  const std::string good = sample();
  EXPECT_NE(refused_sentencepiece(good + Message().piece("ab", 0).bytes), "");
  EXPECT_NE(refused_sentencepiece(good + Message().piece("", 0).bytes), "");
  EXPECT_NE(refused_sentencepiece(good + Message().piece("\xff", 0).bytes), "");
  EXPECT_NE(refused_sentencepiece(good + Message().piece("x", 0, 0).bytes), "");
  EXPECT_NE(refused_sentencepiece(good + Message().piece("x", 0, 7).bytes), "");
  EXPECT_NE(refused_sentencepiece(good + Message().piece("x", 0, 6).bytes), "");
  EXPECT_NE(refused_sentencepiece(
                good + Message().piece("x", std::numeric_limits<float>::infinity()).bytes),
            "");
  EXPECT_NE(refused_sentencepiece(good + Message().varint(1, 1).bytes), "");
  EXPECT_NE(refused_sentencepiece(good + Message().text(1, Message().varint(1, 1).bytes).bytes),
            "");
  EXPECT_NE(refused_sentencepiece(good + Message().text(1, Message().text(2, "abcd").bytes).bytes),
            "");
  EXPECT_NE(refused_sentencepiece(good + Message().text(2, Message().text(3, "x").bytes).bytes),
            "");
}

TEST(SentencePiece, WireFormat) {
  const std::string good = sample();
  EXPECT_EQ(refused_sentencepiece(good + Message().varint(999, kMinusOne).bytes), "");
  EXPECT_EQ(refused_sentencepiece(good + Message().raw_varint(77 << 3 | 1).bytes + "12345678"), "");
  EXPECT_EQ(refused_sentencepiece(""), "FILE: pieces: expected at least one, found none");
  EXPECT_NE(refused_sentencepiece(good + std::string(11, '\xff')), "");  // endless tag
  EXPECT_NE(refused_sentencepiece(good + "\x50" + std::string(9, '\xff') + "\x02"), "");  // 65 bits
  EXPECT_NE(refused_sentencepiece(good + std::string(1, '\0')), "");                      // field 0
  EXPECT_NE(refused_sentencepiece(good + "\x0b"), "");                                    // group
  EXPECT_NE(refused_sentencepiece(good + "\x0c"), "");
  EXPECT_NE(refused_sentencepiece(good + "\x0e"), "");
  EXPECT_NE(refused_sentencepiece(good + "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "");  // 2^64 - 1 bytes
  EXPECT_NE(refused_sentencepiece(good + "\x0a\x02x"), "");
  EXPECT_NE(
      refused_sentencepiece(good + Message().raw_varint(uint64_t{1} << 32).raw_varint(0).bytes),
      "");
}

// A cut between two fields is a shorter message: most cuts are refused, all end.
TEST(SentencePiece, EveryTruncationFlipAndByte) {
  const std::string good = sample();
  std::size_t refusals = 0;
  for (std::size_t n = 0; n < good.size(); ++n)
    refusals += refused_sentencepiece(good.substr(0, n)) != "";
  EXPECT_GE(refusals, good.size() - 4);  // after fields 3, 4, 200: a whole message
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(byte);
      refused_sentencepiece(bytes);
    }
  }
}

}  // namespace
}  // namespace onebit
