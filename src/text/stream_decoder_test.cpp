#include "text/stream_decoder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/test_vocab.h"

namespace onebit {
namespace {

std::string streamed(StreamDecoder& decoder, const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) {
    const std::string part = decoder.push(id);
    EXPECT_EQ(utf8_valid_prefix(part), part.size());
    text += part;
  }
  return text + decoder.finish();
}

std::vector<int32_t> byte_ids(std::string_view bytes) {
  std::vector<int32_t> ids;
  for (const char c : bytes) ids.push_back(static_cast<uint8_t>(c));
  return ids;
}

TEST(StreamDecoder, EverySplitOfAText) {
  const std::string text = "a\u00e9\u20ac\U0001f600b\u4e2d";  // 1, 2, 3, 4, 1, 3 bytes
  // A vocabulary of all substrings.
  Vocab vocab;
  vocab.pre = "none";
  std::vector<std::vector<int32_t>> id_of(text.size());
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    for (std::size_t n = 1; begin + n <= text.size(); ++n) {
      id_of[begin].push_back(static_cast<int32_t>(vocab.tokens.size()));
      vocab.tokens.push_back(to_byte_alphabet(text.substr(begin, n)));
      vocab.types.push_back(1);
    }
  }
  const Tokenizer tokenizer(vocab);
  StreamDecoder decoder(tokenizer);
  for (uint32_t cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
    std::vector<int32_t> ids;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i + 1 < text.size() && (cuts >> i & 1) == 0) continue;
      ids.push_back(id_of[begin][i - begin]);
      begin = i + 1;
    }
    ASSERT_EQ(streamed(decoder, ids), text);
  }
}

TEST(StreamDecoder, BytesOneByOneEqualTheWhole) {
  const Tokenizer tokenizer(byte_vocab());
  StreamDecoder decoder(tokenizer);
  // Both sides of every border in the standard's table of well-formed sequences.
  const std::string borders = from_hex("00417f808f909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5f8ff");
  std::string bytes;
  const auto check = [&](auto&& self, int depth) -> void {
    ASSERT_EQ(streamed(decoder, byte_ids(bytes)), to_valid_utf8(bytes));
    if (depth == 0) return;
    for (const char c : borders) {
      bytes.push_back(c);
      self(self, depth - 1);
      bytes.pop_back();
    }
  };
  check(check, 3);
  Rng rng(1);
  for (int i = 0; i < 5000; ++i) {
    bytes = random_bytes(rng, rng.below(50));
    ASSERT_EQ(streamed(decoder, byte_ids(bytes)), to_valid_utf8(bytes));
    const std::string text = random_text(rng, rng.below(20));
    ASSERT_EQ(streamed(decoder, tokenizer.encode(text)), text);
  }
}

TEST(StreamDecoder, HoldsBackAndFlushes) {
  const Tokenizer tokenizer(byte_vocab({}, {"<|end|>"}));
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(0xf0), "");
  EXPECT_EQ(decoder.push(0x9f), "");
  EXPECT_EQ(decoder.push(256), "");  // a control token within a character
  EXPECT_EQ(decoder.push(0x98), "");
  EXPECT_EQ(decoder.push('a'), "\ufffda");
  EXPECT_EQ(decoder.push(0xe2), "");
  EXPECT_THROW(decoder.push(257), Error);
  EXPECT_THROW(decoder.push(-1), Error);
  EXPECT_EQ(decoder.finish(), "\ufffd");
  EXPECT_EQ(decoder.finish(), "");
  EXPECT_EQ(decoder.push('b'), "b");
  StreamDecoder with_special(tokenizer, true);
  EXPECT_EQ(with_special.push(256), "<|end|>");
}

}  // namespace
}  // namespace onebit
