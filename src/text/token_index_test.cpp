#include "text/token_index.h"

#include <gtest/gtest.h>

#include <map>

#include "text/test_vocab.h"

namespace onebit {
namespace {

TEST(TokenIndex, EqualsAMap) {
  Rng rng(1);
  TokenIndex index;
  std::map<std::string, int32_t> map;
  std::vector<std::string> all;
  for (int i = 0; i < 20000; ++i) {
    // Few letters and all lengths: many near misses.
    std::string bytes;
    for (uint64_t n = rng.below(24); n > 0; --n) bytes += "ab\0\xff"[rng.below(4)];
    const int32_t id = index.append(bytes);
    ASSERT_EQ(id, i);
    all.push_back(bytes);
    if (rng.below(2) == 0) {
      index.insert(id);
      map.emplace(bytes, id);
    }
    const std::string& asked = all[rng.below(all.size())];
    ASSERT_EQ(index.find(asked), map.contains(asked) ? map[asked] : -1);
  }
  TokenIndex moved = std::move(index);
  for (int32_t id = 0; id < moved.size(); ++id) {
    const std::string& bytes = all[static_cast<std::size_t>(id)];
    ASSERT_EQ(moved[id], bytes);
    ASSERT_EQ(moved.find(bytes), map.contains(bytes) ? map[bytes] : -1);
  }
}

TEST(TokenIndex, EveryByteOfEveryLengthCounts) {
  for (std::size_t n = 0; n <= 40; ++n) {
    TokenIndex index;
    const std::string zeros(n, '\0');
    index.insert(index.append(zeros));
    for (std::size_t i = 0; i < n; ++i) {
      std::string other = zeros;
      other[i] = 1;
      ASSERT_EQ(index.find(other), -1);
      index.insert(index.append(other));
      ASSERT_EQ(index.find(other), static_cast<int32_t>(i) + 1);
    }
    ASSERT_EQ(index.find(zeros), 0);
    ASSERT_EQ(index.find(zeros + '\0'), -1);
  }
}

}  // namespace
}  // namespace onebit
