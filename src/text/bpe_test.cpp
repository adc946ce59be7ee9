#include "text/bpe.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/rng.h"

namespace onebit {
namespace {

using Ids = std::vector<int32_t>;

// The index is the rank.
MergeTable ranked(std::vector<Merge> merges, int64_t n_symbols) {
  for (std::size_t i = 0; i < merges.size(); ++i) merges[i].rank = static_cast<int32_t>(i);
  return MergeTable(merges, n_symbols);
}

Ids merged(const MergeTable& table, const Ids& symbols) {
  Ids out;
  BpeMerger(table).merge(symbols, out);
  return out;
}

// The definition, one merge after another.
Ids naive_merged(const std::vector<Merge>& merges, Ids ids) {
  for (;;) {
    std::size_t best_rank = merges.size();
    std::size_t best_at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      for (std::size_t r = 0; r < best_rank; ++r) {
        if (merges[r].left == ids[i] && merges[r].right == ids[i + 1]) {
          best_rank = r;
          best_at = i;
        }
      }
    }
    if (best_rank == merges.size()) return ids;
    ids[best_at] = merges[best_rank].result;
    ids.erase(ids.begin() + static_cast<int64_t>(best_at) + 1);
  }
}

TEST(Bpe, LowestRankThenLeftmost) {
  // a=0 b=1 c=2; "bc" ranks before "ab"; "aa" twice in "aaa" takes the left one.
  const MergeTable table = ranked({{1, 2, 3, 0}, {0, 1, 4, 0}, {0, 0, 5, 0}}, 6);
  EXPECT_EQ(merged(table, {0, 1, 2}), (Ids{0, 3}));
  EXPECT_EQ(merged(table, {0, 0, 0}), (Ids{5, 0}));
  EXPECT_EQ(merged(table, {0, 1, 0, 0, 1}), (Ids{4, 0, 4}));
  EXPECT_EQ(merged(table, {2}), (Ids{2}));
  EXPECT_EQ(merged(table, {}), Ids{});
}

TEST(Bpe, EqualRanksMergeFromTheLeft) {
  // "ab" and "bc" share a rank, as tokens of one score do.
  const MergeTable table(std::vector<Merge>{{0, 1, 3, 7}, {1, 2, 4, 7}, {3, 2, 5, 9}}, 6);
  EXPECT_EQ(merged(table, {0, 1, 2}), (Ids{5}));
  EXPECT_EQ(merged(table, {1, 2, 0, 1}), (Ids{4, 3}));
  EXPECT_EQ(merged(table, {1, 1, 2, 2}), (Ids{1, 4, 2}));
}

TEST(Bpe, OfEqualPairsTheFirstCounts) {
  const MergeTable table = ranked({{0, 1, 2, 0}, {0, 1, 3, 0}}, 4);
  ASSERT_NE(table.find(0, 1), nullptr);
  EXPECT_EQ(table.find(0, 1)->rank, 0);
  EXPECT_EQ(table.find(1, 0), nullptr);
  EXPECT_EQ(merged(table, {0, 1}), (Ids{2}));
}

TEST(Bpe, EqualsTheDefinitionOnRandomTables) {
  Rng rng(1);
  for (int round = 0; round < 400; ++round) {
    const auto n_base = static_cast<int32_t>(2 + rng.below(3));
    const auto n_merges = static_cast<int32_t>(1 + rng.below(20));
    std::vector<Merge> merges;
    for (int32_t i = 0; i < n_merges; ++i) {
      // Parts and results in any order of rank, as hostile files may have them.
      const auto any = [&] {
        return static_cast<int32_t>(rng.below(static_cast<uint64_t>(n_base + n_merges)));
      };
      merges.push_back(
          {any() % (n_base + i), any() % (n_base + i), round % 2 ? n_base + i : any(), 0});
    }
    const MergeTable table = ranked(merges, n_base + n_merges);
    for (int i = 0; i < 20; ++i) {
      Ids symbols;
      for (uint64_t n = rng.below(40); n > 0; --n) {
        symbols.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(n_base))));
      }
      ASSERT_EQ(merged(table, symbols), naive_merged(merges, symbols));
    }
  }
}

TEST(Bpe, WorkIsLinearInTheSymbols) {
  std::vector<Merge> merges;  // 0 0 -> 1, 1 1 -> 2, ...: everything merges, again and again
  for (int32_t i = 0; i < 20; ++i) merges.push_back({i, i, i + 1, 0});
  const MergeTable table = ranked(merges, 21);
  BpeMerger merger(table);
  const Ids symbols(1 << 20, 0);
  Ids out;
  merger.merge(symbols, out);
  EXPECT_EQ(out, Ids{20});
  EXPECT_LE(merger.n_queued(), 3 * static_cast<int64_t>(symbols.size()));
}

}  // namespace
}  // namespace onebit
