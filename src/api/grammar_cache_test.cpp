#include "api/grammar_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/error.h"
#include "grammar/gbnf.h"
#include "text/test_vocab.h"

namespace onebit::api {
namespace {

Grammar yes() {
  return parse_gbnf("root ::= \"yes\"", "g");
}

TEST(GrammarCache, CompilesOnce) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer);
  int n = 0;
  const auto make = [&] {
    ++n;
    return yes();
  };
  const auto first = cache.get("a", make);
  EXPECT_EQ(cache.get("a", make), first);
  EXPECT_NE(cache.get("b", make), first);
  EXPECT_EQ(n, 2);
  EXPECT_EQ(&first->trie(), &cache.get("b", make)->trie());
}

TEST(GrammarCache, StaysWithinItsBytes) {
  const Tokenizer tokenizer(byte_vocab());
  constexpr int64_t kLimit = int64_t{40} << 20;  // of 16 MiB for each one's masks: two
  GrammarCache cache(tokenizer, kLimit);
  const auto a = cache.get("a", yes);
  const auto b = cache.get("b", yes);
  EXPECT_EQ(cache.get("a", yes), a);
  cache.get("c", yes);  // in place of b, which was used before a
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.get("a", yes), a);
  EXPECT_NE(cache.get("b", yes), b);
  for (int i = 0; i < 20; ++i) {
    cache.get(std::string(1000, static_cast<char>('d' + i)), yes);
    EXPECT_LE(cache.bytes(), kLimit);
  }
  GrammarCache none(tokenizer, 0);
  EXPECT_NE(none.get("a", yes), nullptr);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.bytes(), 0);
}

TEST(GrammarCache, KeepsNothingThatFails) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer);
  EXPECT_THROW(cache.get("a", [] { return parse_gbnf("root ::= root", "g"); }), Error);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(GrammarCache, ManyThreads) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer, int64_t{40} << 20);
  std::atomic<int> n_wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto text =
            begin_text(cache.get(std::string(1, static_cast<char>('a' + (i + t) % 5)), yes),
                       tokenizer, std::vector<int32_t>{1});
        n_wrong += (text->mask()['y' / 64] >> ('y' % 64) & 1) == 0;
        text->accept('y');
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_wrong, 0);
  EXPECT_LE(cache.size(), 2u);
}

}  // namespace
}  // namespace onebit::api
