#include "ops/kv_cache.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"

namespace onebit {
namespace {

const KvShape kShape{.n_layers = 2, .n_kv_heads = 3, .head_dim = 20};

// A block is filled with one byte.
void fill(KvPool& pool, const KvCache& cache, int64_t block, int value) {
  std::memset(cache.blocks()[block], value, static_cast<std::size_t>(pool.shape().block_bytes()));
}

TEST(KvCache, TakesBlocksAsItGrowsAndGivesThemBack) {
  KvPool pool(kShape);
  KvCache a(pool);
  EXPECT_EQ(pool.n_blocks(), 0);
  a.reserve(1);
  EXPECT_EQ(pool.n_blocks(), 1);
  a.advance(1);
  a.reserve(64);
  EXPECT_EQ(pool.n_blocks(), 1);
  a.advance(63);
  a.reserve(200);
  EXPECT_EQ(pool.n_blocks(), 4);
  a.advance(136);
  EXPECT_EQ(a.length(), 200);
  a.truncate(65);
  EXPECT_EQ(pool.n_free(), 2);
  {
    KvCache b(pool);
    b.reserve(128);
    EXPECT_EQ(pool.n_blocks(), 4);  // used again
    EXPECT_EQ(pool.n_free(), 0);
  }
  EXPECT_EQ(pool.n_free(), 2);
  a.truncate(64);
  EXPECT_EQ(pool.n_free(), 3);
  a.truncate(0);
  EXPECT_EQ(pool.n_free(), 4);
}

TEST(KvCache, SharesBlocksUntilOneWrites) {
  KvPool pool(kShape);
  KvCache a(pool);
  a.reserve(128);
  a.advance(128);
  fill(pool, a, 0, 1);
  fill(pool, a, 1, 2);
  KvCache b(pool);
  b.share(a.block_ids());
  b.truncate(70);
  EXPECT_EQ(b.length(), 70);
  EXPECT_EQ(pool.n_blocks(), 2);
  EXPECT_EQ(a.blocks()[1], b.blocks()[1]);
  b.reserve(71);  // writes to the second block: a copy
  EXPECT_EQ(pool.n_blocks(), 3);
  EXPECT_EQ(a.blocks()[0], b.blocks()[0]);
  EXPECT_NE(a.blocks()[1], b.blocks()[1]);
  EXPECT_EQ(b.blocks()[1][5], 2);
  a.truncate(100);
  a.reserve(101);  // it holds its last block alone now
  EXPECT_EQ(pool.n_blocks(), 3);
  a.truncate(0);
  EXPECT_EQ(pool.n_free(), 1);  // the first block is still b's
  EXPECT_EQ(b.blocks()[0][5], 1);
  KvCache c(pool);
  c.share(b.block_ids().first(1));
  c.reserve(65);  // a shared block that is full is not copied
  EXPECT_EQ(b.blocks()[0], c.blocks()[0]);
}

TEST(KvCache, SharesAndReplacesFullBlocksByNumber) {
  KvPool pool(kShape);
  KvCache a(pool), b(pool), c(pool);
  for (KvCache* cache : {&a, &b}) {
    cache->reserve(150);
    cache->advance(150);
  }
  c.share(a.block_ids().first(2));
  EXPECT_EQ(c.length(), 128);
  EXPECT_EQ(c.blocks()[1], a.blocks()[1]);
  EXPECT_EQ(pool.holders(a.block_ids()[1]), 2);
  EXPECT_EQ(c.blocks_needed(128), 0);
  EXPECT_EQ(c.blocks_needed(129), 1);
  b.replace(1, a.block_ids()[1]);
  EXPECT_EQ(b.blocks()[1], a.blocks()[1]);
  EXPECT_EQ(pool.n_free(), 1);
  c.share(c.block_ids().first(1));  // of its own
  EXPECT_EQ(c.length(), 64);
  EXPECT_EQ(pool.holders(a.block_ids()[1]), 2);
  for (KvCache* cache : {&a, &b, &c}) cache->truncate(0);
  EXPECT_EQ(pool.n_used(), 0);
}

TEST(KvCache, KeepsTheLimitAndLosesNothingAtIt) {
  KvPool pool(kShape);
  pool.set_limit(3);
  KvCache a(pool), b(pool);
  a.reserve(128);
  a.advance(128);
  b.share(a.block_ids());
  b.truncate(70);
  EXPECT_EQ(b.blocks_needed(71), 1);  // the copy of a block that both hold
  EXPECT_EQ(b.blocks_needed(129), 2);
  EXPECT_THROW(b.reserve(129), Error);
  EXPECT_EQ(pool.n_available(), 1);
  EXPECT_EQ(b.length(), 70);
  EXPECT_EQ(a.blocks()[1], b.blocks()[1]);
  b.reserve(71);
  EXPECT_EQ(pool.n_available(), 0);
  a.truncate(64);
  EXPECT_EQ(pool.n_available(), 1);
  b.reserve(129);
  EXPECT_EQ(b.blocks_needed(129), 0);
}

TEST(KvCache, RefusesBlocksThatNoMachineHas) {
  KvPool pool({.n_layers = 1 << 10, .n_kv_heads = 1 << 10, .head_dim = 1 << 20});
  KvCache cache(pool);
  EXPECT_THROW(cache.reserve(1), Error);
  EXPECT_EQ(cache.length(), 0);
}

}  // namespace
}  // namespace onebit
