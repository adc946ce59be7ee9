#include "text/utf8.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/sanitized.h"
#include "text/byte_alphabet.h"
#include "text/stream_decoder.h"
#include "text/test_vocab.h"

namespace onebit {
namespace {

// The length of the character at the head, decided by arithmetic on the code point instead of the
// standard's table of byte ranges. nullopt: none.
std::optional<std::size_t> naive_character(std::string_view s) {
  const auto byte = [&](std::size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(s[i]));
  };
  if (s.empty()) return std::nullopt;
  std::size_t n = 0;
  uint32_t value = byte(0);
  if (value < 0x80) return 1;
  if ((value & 0xe0) == 0xc0)
    n = 2, value &= 0x1f;
  else if ((value & 0xf0) == 0xe0)
    n = 3, value &= 0x0f;
  else if ((value & 0xf8) == 0xf0)
    n = 4, value &= 0x07;
  else
    return std::nullopt;
  if (s.size() < n) return std::nullopt;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLowest[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    return std::nullopt;
  }
  return n;
}

bool naive_valid(std::string_view s) {
  while (!s.empty()) {
    const auto n = naive_character(s);
    if (!n) return false;
    s.remove_prefix(*n);
  }
  return true;
}

TEST(Utf8, EveryCodePointSurvives) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c == 0xd800) c = 0xe000;
    std::string s;
    append_utf8(s, c);
    ASSERT_EQ(naive_character(s), s.size());
    const Utf8Head head = utf8_head(s);
    ASSERT_EQ(head.kind, Utf8Head::kCharacter);
    ASSERT_EQ(head.length, static_cast<int>(s.size()));
    ASSERT_EQ(utf8_code_point(s), c);
  }
}

TEST(Utf8, HeadOfEverySequenceUpToThreeBytes) {
  // One byte longer would repeat: the fourth byte of a character has one rule, 80..BF.
  // begins[n][x]: whether some longer character begins with the n bytes of x.
  std::vector<bool> begins[4];
  for (uint32_t n = 1; n <= 3; ++n) begins[n].resize(std::size_t{1} << 8 * n);
  for (char32_t c = 0x80; c <= 0x10ffff; ++c) {
    if (c == 0xd800) c = 0xe000;
    std::string s;
    append_utf8(s, c);
    std::size_t prefix = 0;
    for (std::size_t n = 1; n < s.size(); ++n) {
      prefix = prefix << 8 | static_cast<uint8_t>(s[n - 1]);
      begins[n][prefix] = true;
    }
  }
  for (uint32_t n = 1; n <= 3; ++n) {
    for (uint32_t x = 0; x < begins[n].size(); x += kIsSanitized && n == 3 ? 7 : 1) {
      const uint32_t left_aligned = x << 8 * (3 - n);
      const char s[3] = {static_cast<char>(left_aligned >> 16),
                         static_cast<char>(left_aligned >> 8), static_cast<char>(left_aligned)};
      const Utf8Head head = utf8_head({s, n});
      const auto character = naive_character({s, n});
      uint32_t longest = 0;  // maximal subpart
      while (longest < n && begins[longest + 1][x >> 8 * (n - 1 - longest)]) ++longest;
      const auto kind = character      ? Utf8Head::kCharacter
                        : longest == n ? Utf8Head::kIncomplete
                                       : Utf8Head::kInvalid;
      ASSERT_EQ(head.kind, kind) << x;
      ASSERT_EQ(head.length, static_cast<int>(character.value_or(std::max(longest, 1u)))) << x;
    }
  }
}

TEST(Utf8, ValidPrefix) {
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    std::string s = random_text(rng, rng.below(30));
    if (i % 2) s += random_bytes(rng, rng.below(4));
    std::size_t expected = 0;
    for (auto n = naive_character(s); n;
         n = naive_character(std::string_view(s).substr(expected))) {
      expected += *n;
    }
    ASSERT_EQ(utf8_valid_prefix(s), expected);
  }
}

TEST(Utf8, ReplacementIsPerMaximalSubpart) {
  // The Unicode standard 15.0, tables 3-8 to 3-11; x stands for U+FFFD.
  const auto replaced = [](std::string_view hex) {
    std::string out = to_valid_utf8(from_hex(hex));
    for (std::size_t at; (at = out.find(kReplacementCharacter)) != std::string::npos;) {
      out.replace(at, 3, "x");
    }
    return out;
  };
  EXPECT_EQ(replaced("c0afe080bff0818241"), "xxxxxxxxA");
  EXPECT_EQ(replaced("eda080edbfbfedaf41"), "xxxxxxxxA");
  EXPECT_EQ(replaced("f4919293ff4180bf42"), "xxxxxAxxB");
  EXPECT_EQ(replaced("e180e2f09192f1bf41"), "xxxxA");
  EXPECT_EQ(replaced("41f09f98"), "Ax");
  Rng rng(2);
  for (int i = 0; i < 20000; ++i) {
    ASSERT_TRUE(naive_valid(to_valid_utf8(random_bytes(rng, rng.below(20)))));
    const std::string text = random_text(rng, 20);
    ASSERT_EQ(to_valid_utf8(text), text);
  }
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  return append_from_byte_alphabet(text, bytes) ? std::optional(bytes) : std::nullopt;
}

TEST(ByteAlphabet, IsGpt2s) {
  EXPECT_EQ(to_byte_alphabet("a \n\xc3\xa9~\x7f\xad"), "aĠĊÃ©~ġŃ");
  Rng rng(3);
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  EXPECT_EQ(from_byte_alphabet(to_byte_alphabet(all)), all);
  for (const char c : all) {
    const std::string written = to_byte_alphabet({&c, 1});
    EXPECT_TRUE(naive_character(written) == written.size());
    EXPECT_NE(written, " ");
  }
}

TEST(ByteAlphabet, OtherCharactersStandForTheirBytes) {
  EXPECT_EQ(from_byte_alphabet("中 Ġ"), "中  ");
  EXPECT_EQ(from_byte_alphabet("a\xff"), std::nullopt);
}

}  // namespace
}  // namespace onebit
