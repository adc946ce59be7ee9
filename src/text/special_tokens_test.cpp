#include "text/special_tokens.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "base/rng.h"

namespace onebit {
namespace {

using Parts = std::vector<std::pair<std::string, int32_t>>;

Parts split(const SpecialTokens& tokens, std::string_view text) {
  Parts parts;
  std::string joined;
  for (const auto& part : tokens.split(text)) {
    EXPECT_FALSE(part.text.empty());
    parts.emplace_back(part.text, part.id);
    joined += part.text;
  }
  EXPECT_EQ(joined, text);
  return parts;
}

// The definition: at each place the longest entry that begins there.
Parts naive_split(const std::vector<SpecialTokens::Entry>& entries, std::string_view text) {
  Parts parts;
  std::string ordinary;
  while (!text.empty()) {
    const SpecialTokens::Entry* best = nullptr;
    for (const auto& e : entries) {
      if (!text.starts_with(e.text)) continue;
      if (best == nullptr || e.text.size() > best->text.size() ||
          (e.text.size() == best->text.size() && e.id < best->id)) {
        best = &e;
      }
    }
    if (best == nullptr) {
      ordinary += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (!ordinary.empty()) parts.emplace_back(std::exchange(ordinary, {}), -1);
    parts.emplace_back(best->text, best->id);
    text.remove_prefix(best->text.size());
  }
  if (!ordinary.empty()) parts.emplace_back(ordinary, -1);
  return parts;
}

TEST(SpecialTokens, LeftmostThenLongest) {
  const SpecialTokens tokens({{"<|a|>", 1}, {"<|a|>b", 2}, {"<|", 3}, {"|>b", 4}, {"<|", 0}});
  EXPECT_EQ(split(tokens, "x<|a|>by"), (Parts{{"x", -1}, {"<|a|>b", 2}, {"y", -1}}));
  EXPECT_EQ(split(tokens, "<|a|><|a"), (Parts{{"<|a|>", 1}, {"<|", 0}, {"a", -1}}));
  EXPECT_EQ(split(tokens, "a|>b"), (Parts{{"a", -1}, {"|>b", 4}}));
  EXPECT_EQ(split(tokens, ""), Parts{});
  EXPECT_EQ(tokens.find("<|a|>"), 1);
  EXPECT_EQ(tokens.find("<|"), 0);
  EXPECT_EQ(tokens.find("<|a"), -1);
  EXPECT_EQ(split(SpecialTokens(), "ab"), (Parts{{"ab", -1}}));
  EXPECT_EQ(split(SpecialTokens({{"", 0}}), "ab"), (Parts{{"ab", -1}}));
}

TEST(SpecialTokens, EqualsTheDefinition) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t n_letters = 1 + rng.below(3);
    const auto word = [&](uint64_t n) {
      std::string s;
      for (; n > 0; --n)
        s += static_cast<char>(round % 2 ? 'a' + rng.below(n_letters) : 254 + rng.below(2));
      return s;
    };
    std::vector<SpecialTokens::Entry> entries;
    for (uint64_t n = rng.below(8); n > 0; --n) {
      entries.push_back({word(1 + rng.below(6)), static_cast<int32_t>(rng.below(20))});
    }
    const SpecialTokens tokens(entries);
    for (int i = 0; i < 20; ++i) {
      const std::string text = word(rng.below(40));
      ASSERT_EQ(split(tokens, text), naive_split(entries, text));
    }
  }
}

TEST(SpecialTokens, StripWhiteSpace) {
  const SpecialTokens tokens({{"<l>", 1, SpecialTokens::kStripBefore},
                              {"<r>", 2, SpecialTokens::kStripAfter},
                              {"<b>", 3, SpecialTokens::kStripBefore | SpecialTokens::kStripAfter},
                              {"<n>", 4}});
  EXPECT_EQ(split(tokens, "a \t<l> b"), (Parts{{"a", -1}, {" \t<l>", 1}, {" b", -1}}));
  EXPECT_EQ(split(tokens, "a <r>\n\u3000b"), (Parts{{"a ", -1}, {"<r>\n\u3000", 2}, {"b", -1}}));
  EXPECT_EQ(split(tokens, " <b> <b> "), (Parts{{" <b> ", 3}, {"<b> ", 3}}));
  EXPECT_EQ(split(tokens, " <n> <l>"), (Parts{{" ", -1}, {"<n>", 4}, {" <l>", 1}}));
  EXPECT_EQ(split(tokens, "\xff\x80 <l>\xff"),
            (Parts{{"\xff\x80", -1}, {" <l>", 1}, {"\xff", -1}}));
}

TEST(SpecialTokens, WorkIsLinear) {
  // Beginnings that are long, everywhere, and come to nothing; and many tokens at once.
  std::vector<SpecialTokens::Entry> entries = {
      {std::string(1 << 20, 'a') + "b", 0}, {"b" + std::string(1 << 20, 'a'), 1}, {"aaa", 2}};
  for (int32_t i = 0; i < 256; ++i) {
    entries.push_back({"<|reserved_special_token_" + std::to_string(i) + "|>", 3 + i});
  }
  const auto begin = std::chrono::steady_clock::now();
  const SpecialTokens tokens(std::move(entries));
  std::string reserved;
  while (reserved.size() < std::size_t{1} << 20) reserved += "<|reserved_special_token_25";
  const std::string as((std::size_t{1} << 20) - 1, 'a');
  EXPECT_EQ(tokens.split(reserved).size(), 1u);
  EXPECT_EQ(tokens.split(as).size(), (as.size() + 2) / 3);
  EXPECT_EQ(tokens.split("b" + as).size(), 1 + (as.size() + 2) / 3);
  EXPECT_EQ(tokens.split("b" + as + "a").size(), 1u);
  EXPECT_EQ(tokens.split(as + "ab").size(), 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace onebit
