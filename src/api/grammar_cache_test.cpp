#include "api/grammar_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "api/generation.h"
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
  const auto first = cache.get("key", "a", make);
  EXPECT_EQ(cache.get("key", "a", make), first);
  EXPECT_NE(cache.get("key", "b", make), first);
  EXPECT_EQ(n, 2);
  EXPECT_EQ(&first->trie(), &cache.get("key", "b", make)->trie());
}

TEST(GrammarCache, StaysWithinItsBytes) {
  const Tokenizer tokenizer(byte_vocab());
  constexpr int64_t kLimit = 40000;
  GrammarCache cache(tokenizer, kLimit);
  auto first = cache.get("key", "0", yes);
  const auto write = [&](const std::string& key) {
    const auto text = begin_text(cache.get("key", key, yes), tokenizer, std::vector<int32_t>{1});
    for (const char c : std::string_view("yes")) {
      text->mask();
      text->accept(c);
      EXPECT_LE(cache.bytes(), kLimit);
    }
  };
  for (int i = 0; i < 50; ++i) {
    write(std::to_string(i));
    EXPECT_EQ(cache.get("key", "0", yes), first);  // a request holds it
  }
  const std::size_t n = cache.size();
  EXPECT_GT(n, 2u);
  EXPECT_LT(n, 10u);
  cache.get("key", "49", yes);
  bool is_new = false;
  cache.get("key", "1", [&] { return is_new = true, yes(); });
  EXPECT_TRUE(is_new);
  first.reset();
  GrammarCache none(tokenizer, 0);
  EXPECT_NE(none.get("key", "a", yes), nullptr);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.bytes(), 0);
}

TEST(GrammarCache, TenantsShareNothing) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer);
  const auto mine = cache.get("a", "same", yes);
  EXPECT_NE(cache.get("b", "same", yes), mine);
  EXPECT_EQ(cache.get("a", "same", yes), mine);
}

// Who asks for many evicts his own.
TEST(GrammarCache, NobodyEvictsThoseOfOthersWhoHoldLess) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer, 64000);
  cache.get("small", "g", yes);
  for (int i = 0; i < 100; ++i) cache.get("large", std::to_string(i), yes);
  int n = 0;
  const auto make = [&] {
    ++n;
    return yes();
  };
  cache.get("small", "g", make);
  EXPECT_EQ(n, 0);
}

TEST(GrammarCache, HundredsOfSmallGrammarsFit) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer);
  for (int i = 0; i < 500; ++i) cache.get("key", std::to_string(i), yes);
  EXPECT_EQ(cache.size(), 500u);
}

// What a grammar asks for too much of is no failure of the server.
TEST(GrammarCache, ErrorsOfTextsAreTheRequests) {
  const FinishEvent event{.reason = FinishReason::kError,
                          .error = std::string(kGrammarErrors) + "expected less, found more"};
  const ApiError error = error_of(event);
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.message, event.error);
  EXPECT_EQ(error.param, "grammar");
  EXPECT_EQ(error_of({.reason = FinishReason::kError, .error = "std::bad_alloc"}).status, 500);
}

TEST(GrammarCache, KeepsNothingThatFails) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer);
  EXPECT_THROW(cache.get("key", "a", [] { return parse_gbnf("root ::= root", "g"); }), Error);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(GrammarCache, ManyThreads) {
  const Tokenizer tokenizer(byte_vocab());
  GrammarCache cache(tokenizer, 30000);
  std::atomic<int> n_wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto text =
            begin_text(cache.get("key", std::string(1, static_cast<char>('a' + (i + t) % 5)), yes),
                       tokenizer, std::vector<int32_t>{1});
        n_wrong += (text->mask()['y' / 64] >> ('y' % 64) & 1) == 0;
        text->accept('y');
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_wrong, 0);
  EXPECT_LE(cache.bytes(), 30000);
}

}  // namespace
}  // namespace onebit::api
