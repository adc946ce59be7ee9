// Requests come from several threads while another computes.
#include <atomic>
#include <thread>

#include "engine/scheduler_testing.h"

namespace onebit {
namespace {

TEST(SchedulerThreads, SubmitAndCancelFromAnyThread) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 40;  // of each
  Engine engine(scheduler_test_file(), {.threads = 2});
  Scheduler scheduler(engine, {.kv_bytes = blocks(engine, 12), .max_running = 6, .max_waiting = 8});
  std::atomic<int> ended = 0, cancelled = 0, refused = 0;
  std::atomic<int64_t> tokens = 0;
  std::atomic<bool> stop = false;
  std::thread compute([&] {
    while (!stop) {
      if (!scheduler.step()) scheduler.wait(std::chrono::milliseconds(5));
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < kThreads; ++c) {
    clients.emplace_back([&, c] {
      Rng rng(static_cast<uint64_t>(c));
      for (int i = 0; i < kRequests; ++i) {
        Request r;
        r.prompt = random_tokens(rng, 1 + static_cast<int64_t>(rng.below(150)));
        r.max_tokens = 1 + static_cast<int64_t>(rng.below(20));
        r.on_token = [&](const TokenEvent&) {
          ++tokens;
          return true;
        };
        r.on_finish = [&](const FinishEvent& event) {
          if (event.reason == FinishReason::kCancelled) ++cancelled;
          ++ended;
        };
        std::optional<RequestId> id;
        while (!(id = scheduler.submit(r))) {
          ++refused;
          std::this_thread::yield();
        }
        if (rng.below(3) == 0) scheduler.cancel(*id);
        EXPECT_LE(scheduler.stats().running, 6);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  while (ended < kThreads * kRequests) std::this_thread::yield();
  stop = true;
  compute.join();
  EXPECT_EQ(scheduler.stats().generated_tokens, tokens);
  EXPECT_GT(cancelled, 0);
  scheduler.drop_prefix_cache();
  EXPECT_EQ(engine.kv_pool().n_used(), 0);
}

}  // namespace
}  // namespace onebit
