// The tree of cached prefixes: what it finds, shares and evicts.
#include "engine/prefix_cache.h"

#include "engine/scheduler_testing.h"

namespace onebit {
namespace {

class PrefixCacheTest : public testing::Test {
 protected:
  // Its tokens run, and kept by the cache.
  void add(const std::string& tenant, const std::vector<int32_t>& tokens) {
    Sequence sequence(engine_);
    sequence.append(tokens);
    cache_.insert(tenant, sequence);
  }
  std::vector<int32_t> tokens(int64_t n, uint64_t seed) const {
    Rng rng(seed);
    return random_tokens(rng, n);
  }
  std::vector<int32_t> found(const std::string& tenant, const std::vector<int32_t>& tokens) {
    const auto blocks = cache_.find(tenant, tokens);
    return {blocks.begin(), blocks.end()};
  }

  Engine engine_{scheduler_test_file(), {.threads = 1}};
  PrefixCache cache_{engine_.kv_pool()};
};

TEST_F(PrefixCacheTest, FindsFullBlocksOfTheLongestBeginning) {
  const auto text = tokens(200, 1);
  EXPECT_TRUE(found("", text).empty());
  add("", text);
  EXPECT_EQ(cache_.n_blocks(), 3);
  EXPECT_EQ(engine_.kv_pool().n_used(), 3);  // the part of a fourth is free
  EXPECT_EQ(found("", text).size(), 3u);
  for (const std::size_t n : {0, 63, 64, 127, 128, 191}) {
    EXPECT_EQ(found("", {text.begin(), text.begin() + static_cast<int64_t>(n)}).size(), n / 64);
  }
  auto other = text;
  other[100] = (other[100] + 1) % 64;
  EXPECT_EQ(found("", other).size(), 1u);
  other[0] = (other[0] + 1) % 64;
  EXPECT_TRUE(found("", other).empty());
}

TEST_F(PrefixCacheTest, WhatItFindsGivesTheSameLogits) {
  const auto text = tokens(150, 2);
  Sequence fresh(engine_);
  const auto logits = fresh.append(text);
  const std::vector<float> expected(logits.begin(), logits.end());
  cache_.insert("", fresh);
  Sequence sequence(engine_);
  const auto blocks = found("", text);
  ASSERT_EQ(blocks.size(), 2u);
  sequence.share(std::span(text).first(128), blocks);
  EXPECT_EQ(sequence.length(), 128);
  EXPECT_TRUE(std::ranges::equal(sequence.append(std::span(text).subspan(128)), expected));
  EXPECT_EQ(engine_.kv_pool().n_used(), 4);  // two in common, the third twice
}

TEST_F(PrefixCacheTest, TenantsDoNotSeeEachOther) {
  const auto text = tokens(70, 3);
  add("a", text);
  EXPECT_TRUE(found("b", text).empty());
  EXPECT_TRUE(found("", text).empty());
  add("b", text);
  EXPECT_EQ(cache_.n_blocks(), 2);
  EXPECT_NE(found("a", text), found("b", text));
}

TEST_F(PrefixCacheTest, OfBlocksWithTheSameTokensOneIsKept) {
  const auto text = tokens(128, 4);
  Sequence a(engine_), b(engine_);
  a.append(text);
  b.append(text);
  EXPECT_EQ(engine_.kv_pool().n_used(), 4);
  cache_.insert("", a);
  cache_.insert("", b);
  EXPECT_EQ(engine_.kv_pool().n_used(), 2);
  EXPECT_TRUE(std::ranges::equal(a.blocks(), b.blocks()));
  const auto more = tokens(3, 5);
  const auto logits = a.append(more);
  EXPECT_TRUE(std::ranges::equal(logits, b.append(more)));
}

TEST_F(PrefixCacheTest, EvictsTheLeastRecentlyUsedThatNobodyHolds) {
  const auto old = tokens(128, 6);
  auto branch = tokens(128, 7);
  std::copy_n(old.begin(), 64, branch.begin());  // old: A B, branch: A C
  const auto other = tokens(64, 8);              // D
  add("", old);
  add("", branch);
  add("", other);
  EXPECT_EQ(cache_.n_blocks(), 4);
  EXPECT_EQ(cache_.n_evictable(), 4);
  found("", old);  // used: C is the oldest now, then D
  EXPECT_EQ(cache_.evict(1), 1);
  EXPECT_EQ(found("", branch).size(), 1u);
  EXPECT_EQ(cache_.evict(1), 1);
  EXPECT_TRUE(found("", other).empty());

  Sequence holder(engine_);
  holder.share(std::span(old).first(64), std::span<const int32_t>(found("", old)).first(1));
  EXPECT_EQ(cache_.n_evictable(), 1);
  EXPECT_EQ(cache_.evict(5), 1);
  EXPECT_EQ(found("", old).size(), 1u);
  holder.clear();
  EXPECT_EQ(cache_.evict(5), 1);
  EXPECT_EQ(cache_.n_blocks(), 0);
  EXPECT_EQ(engine_.kv_pool().n_used(), 0);
}

// Random use: the blocks of the pool are those of the tree and of the sequences, and all come back.
TEST_F(PrefixCacheTest, LosesNoBlock) {
  Rng rng(9);
  std::vector<std::vector<int32_t>> texts;
  for (int i = 0; i < 4; ++i) texts.push_back(tokens(390, 10 + static_cast<uint64_t>(i)));
  for (int round = 0; round < 300; ++round) {
    auto text = texts[rng.below(4)];
    text.resize(1 + rng.below(390));
    if (rng.below(2) == 0) text.back() = 63 - text.back();
    Sequence sequence(engine_);
    const auto blocks = found("", text);
    sequence.share(std::span(text).first(blocks.size() * 64), blocks);
    if (std::ssize(text) > sequence.length()) {
      sequence.append(std::span(text).subspan(static_cast<std::size_t>(sequence.length())));
    }
    cache_.insert("", sequence);
    const int64_t own = std::ssize(sequence.blocks()) - sequence.length() / 64;
    ASSERT_EQ(engine_.kv_pool().n_used(), cache_.n_blocks() + own);
    ASSERT_EQ(cache_.n_evictable(), cache_.n_blocks() - sequence.length() / 64);
    if (rng.below(4) == 0) cache_.evict(static_cast<int64_t>(rng.below(8)));
  }
  EXPECT_GT(cache_.n_blocks(), 4);
  cache_.clear();
  EXPECT_EQ(engine_.kv_pool().n_used(), 0);
}

}  // namespace
}  // namespace onebit
