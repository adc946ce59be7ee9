// Memory runs out at the n-th allocation, for every n (as SQLite is tested): the requests that need
// it end with an error, nothing is lost, and the others get what they get alone.
#include <cstdlib>
#include <new>

#include "base/sanitized.h"
#include "engine/scheduler_testing.h"

namespace {

// Of this thread: allocations until one fails, and how many fail then. Below 0: none.
thread_local int64_t g_until = -1;
thread_local int64_t g_fails = 0;

}  // namespace

// All forms but those of arrays, which call these, and of types with an alignment of their own. Not
// inline: the compiler would see new and free() meet.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (g_until == 0 && g_fails > 0) {
    if (--g_fails == 0) g_until = -1;
    return nullptr;
  }
  if (g_until > 0) --g_until;
  return std::malloc(size > 0 ? size : 1);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* p = operator new(size, std::nothrow)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}

namespace onebit {
namespace {

constexpr int64_t kStride = kIsSanitized ? 11 : 1;

// No allocation fails while one lives.
class Spared {
 public:
  Spared() : until_(g_until) { g_until = -1; }
  ~Spared() { g_until = until_; }

 private:
  int64_t until_;
};

std::vector<Request> requests() {
  Rng rng(1);
  std::vector<Request> all(7);
  const auto beginning = random_tokens(rng, 130);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Request& r = all[i];
    r.prompt = beginning;
    r.prompt.resize(40 * i % 131);
    r.prompt.push_back(static_cast<int32_t>(i));
    r.max_tokens = 30;
    r.sampling = {.temperature = 1, .top_k = 0, .frequency_penalty = 0.5f, .seed = i};
    if (i % 3 == 0) r.top_logprobs = 2;
    if (i == 4) r.on_hidden = [](std::span<const float>) {};
    if (i == 4) r.max_tokens.reset();
    if (i == 5) r.max_tokens = 150;
  }
  all[4].top_logprobs = -1;
  return all;
}

class SchedulerMemory : public testing::Test {
 protected:
  // One run in which the n-th allocation fails, and `fails` from it on. False: there are not so
  // many.
  bool run(int64_t n, int64_t fails) {
    const std::vector<Request> all = requests();
    Engine engine(file_, {.threads = 1, .prefill_chunk = 64});
    std::deque<Answer> answers;
    Scheduler scheduler(
        engine, {.kv_bytes = blocks(engine, 8), .speculation = 4, .adaptive_speculation = false});
    int64_t until = n;
    int64_t refused = 0;
    g_fails = fails;
    for (std::size_t i = 0, steps = 0;; ++steps) {
      EXPECT_LT(steps, 2000u);
      if (i < all.size() && steps % 3 == 0) {
        Request r = all[i];
        if (i % 2 == 1 && !r.on_hidden) r.constraint = std::make_shared<TestConstraint>(i);
        Answer& answer = answers.emplace_back();
        answer.listen_to(r);
        answer.tokens.reserve(200);
        r.on_token = [listen = r.on_token](const TokenEvent& event) {
          const Spared spared;
          return listen(event);
        };
        r.on_finish = [listen = r.on_finish](const FinishEvent& event) {
          const Spared spared;
          listen(event);
        };
        if (r.on_hidden) {
          r.on_hidden = [listen = r.on_hidden](std::span<const float> rows) {
            const Spared spared;
            listen(rows);
          };
        }
        g_until = until;
        try {
          EXPECT_TRUE(scheduler.submit(std::move(r)).has_value());
        } catch (const std::bad_alloc&) {
          const Spared spared;
          answer.finished.push_back({.reason = FinishReason::kError, .error = {}});
          ++refused;
        }
        until = std::exchange(g_until, -1);
        ++i;
      }
      g_until = until;
      const bool more = scheduler.step();
      until = std::exchange(g_until, -1);
      if (!more && i == all.size()) break;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(answers[i].finished.size(), 1u);
      if (answers[i].reason() == FinishReason::kError) {
        ++n_errors_;
        EXPECT_LE(answers[i].tokens.size(), alone_[i].tokens.size());
        EXPECT_TRUE(std::ranges::equal(
            answers[i].tokens, std::span(alone_[i].tokens).first(answers[i].tokens.size())));
      } else {
        EXPECT_EQ(answers[i].tokens, alone_[i].tokens);
        EXPECT_TRUE(answers[i].hidden == alone_[i].hidden);
        EXPECT_EQ(answers[i].reason(), alone_[i].reason);
      }
    }
    n_refused_ += refused;
    const auto stats = scheduler.stats();
    EXPECT_EQ(stats.running + stats.waiting, 0);
    EXPECT_EQ(stats.finished[static_cast<std::size_t>(FinishReason::kError)] + refused,
              std::ranges::count_if(
                  answers, [](const Answer& a) { return a.reason() == FinishReason::kError; }));
    scheduler.drop_prefix_cache();
    EXPECT_EQ(engine.kv_pool().n_used(), 0);
    return g_fails < fails;
  }

  void run_all(int64_t fails) {
    int64_t n = 0;
    while (run(n, fails) && !HasFailure()) n += kStride;
    EXPECT_GT(n, 100);
    EXPECT_GT(n_errors_, n / kStride / 4);
    EXPECT_GT(n_refused_, 0);
  }

  void SetUp() override {
    Engine other(file_, {.threads = 1});
    const auto all = requests();
    for (std::size_t i = 0; i < all.size(); ++i) {
      TestConstraint constraint(i);
      const bool is_held = i % 2 == 1 && !all[i].on_hidden;
      alone_.push_back(run_alone(other, all[i], is_held ? &constraint : nullptr));
    }
  }

  const ModelFile file_ = scheduler_test_file();
  std::vector<Alone> alone_;
  int64_t n_errors_ = 0;
  int64_t n_refused_ = 0;
};

TEST_F(SchedulerMemory, RunsOutOnce) {
  run_all(1);
}

TEST_F(SchedulerMemory, RunsOutForAWhile) {
  run_all(20);
}

}  // namespace
}  // namespace onebit
