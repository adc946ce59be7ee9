// What tenants can do to each other: nothing but take their share.
#include "engine/scheduler_testing.h"

namespace onebit {
namespace {

class SchedulerTenants : public testing::Test {
 protected:
  static const ModelFile& file() {
    static const ModelFile file = scheduler_test_file();
    return file;
  }
  Request request(const std::string& tenant, int64_t prompt, int64_t n, uint64_t seed = 1) const {
    Rng rng(seed);
    Request r;
    r.prompt = random_tokens(rng, prompt);
    r.max_tokens = n;
    r.sampling = {.temperature = 1, .seed = seed};
    r.ignore_eos = true;
    r.tenant = tenant;
    return r;
  }
  std::vector<Request> call(const std::string& tenant, std::size_t n) const {
    return std::vector<Request>(n, request(tenant, 3, 2));
  }
  std::string refusal(Scheduler& scheduler, std::vector<Request> requests) const {
    try {
      return scheduler.submit_all(std::move(requests)) ? "accepted" : "busy";
    } catch (const Error& e) {
      return e.what();
    }
  }
  void run(Scheduler& scheduler) const {
    for (int i = 0; scheduler.step(); ++i) ASSERT_LT(i, 10000);
  }
  // Steps until the answer has ended.
  int steps_to_end(Scheduler& scheduler, const Answer& answer) const {
    int steps = 0;
    for (; !answer.is_finished() && steps < 10000; ++steps) scheduler.step();
    return steps;
  }

  Engine engine_{file(), {.threads = 1, .prefill_chunk = 128}};
  Engine other_{file(), {.threads = 1}};  // where requests run alone
  SchedulerOptions options_{.kv_bytes = blocks(engine_, 100)};
};

TEST_F(SchedulerTenants, NobodyTakesThePlacesOfAnother) {
  options_.max_running = 2;
  options_.max_waiting = 10;
  Scheduler scheduler(engine_, options_);
  EXPECT_EQ(refusal(scheduler, call("a", 11)), "accepted");
  EXPECT_EQ(refusal(scheduler, call("a", 1)), "accepted");
  EXPECT_EQ(refusal(scheduler, call("a", 1)), "busy");
  EXPECT_EQ(refusal(scheduler, call("b", 5)), "accepted");  // a half
  EXPECT_EQ(refusal(scheduler, call("b", 1)), "accepted");
  EXPECT_EQ(refusal(scheduler, call("b", 1)), "busy");
  EXPECT_EQ(refusal(scheduler, call("c", 3)), "accepted");  // a third
  EXPECT_EQ(refusal(scheduler, call("c", 2)), "busy");
  EXPECT_EQ(refusal(scheduler, call("c", 1)), "accepted");
  EXPECT_EQ(refusal(scheduler, call("d", 12)), "accepted");  // the first of a tenant, however many
  EXPECT_EQ(refusal(scheduler, call("d", 1)), "busy");
  run(scheduler);
  EXPECT_EQ(scheduler.stats().finished[static_cast<std::size_t>(FinishReason::kLength)], 34);
  EXPECT_EQ(refusal(scheduler, call("b", 11)), "accepted");  // alone again
  EXPECT_EQ(refusal(scheduler, call("b", 1)), "accepted");
}

TEST_F(SchedulerTenants, RefusesForEverWhatIsMoreThanThereArePlaces) {
  options_.max_running = 4;
  options_.max_waiting = 2;
  Scheduler scheduler(engine_, options_);
  EXPECT_EQ(refusal(scheduler, call("a", 7)),
            "requests of a call: expected at most 6 (that may run and wait), found 7");
  EXPECT_EQ(refusal(scheduler, call("a", 6)), "accepted");
  EXPECT_EQ(refusal(scheduler, call("a", 1)), "busy");
  EXPECT_EQ(refusal(scheduler, {}), "accepted");
  EXPECT_EQ(refusal(scheduler, {request("a", 1, 1), request("b", 1, 1)}),
            "tenant: expected one of all requests, found two");
}

// One request of b beside as many long ones of a as there are places, and others that wait.
TEST_F(SchedulerTenants, NobodyWaitsForTheLongestAnswerOfAnother) {
  for (const bool cache : {false, true}) {
    options_.max_running = 3;
    options_.prefix_cache = cache;
    std::deque<Answer> a;
    Answer b;
    Scheduler scheduler(engine_, options_);
    for (uint64_t i = 0; i < 9; ++i) submit(scheduler, request("a", 80, 200, i), a.emplace_back());
    for (int i = 0; i < 20; ++i) scheduler.step();
    submit(scheduler, request("b", 20, 2, 50), b);
    EXPECT_EQ(steps_to_end(scheduler, b), 2);
    run(scheduler);
    EXPECT_EQ(b.tokens, run_alone(other_, request("b", 20, 2, 50)).tokens);
    for (uint64_t i = 0; i < 9; ++i) {
      EXPECT_EQ(a[i].finished[0].preemptions, i == 2 ? 1 : 0);
      EXPECT_EQ(a[i].tokens, run_alone(other_, request("a", 80, 200, i)).tokens);
    }
  }
}

// Places that become free go to the tenant that runs least, and then in order.
TEST_F(SchedulerTenants, RunInEqualNumbers) {
  options_.max_running = 4;
  std::deque<Answer> a, b;  // outlive the scheduler, which ends them
  Scheduler scheduler(engine_, options_);
  for (uint64_t i = 0; i < 40; ++i) submit(scheduler, request("a", 5, 30, i), a.emplace_back());
  scheduler.step();
  for (uint64_t i = 0; i < 12; ++i) submit(scheduler, request("b", 5, 30, i), b.emplace_back());
  const auto n_finished = [](const std::deque<Answer>& answers) {
    const auto n = std::ranges::count_if(answers, &Answer::is_finished);
    for (std::ptrdiff_t i = 0; i < n; ++i) {  // in order
      EXPECT_TRUE(answers[static_cast<std::size_t>(i)].is_finished());
    }
    return n;
  };
  while (n_finished(b) < 12 && scheduler.step()) {
  }
  EXPECT_GE(n_finished(a), 12);
  EXPECT_LE(n_finished(a), 16);
}

// Many long prompts of a do not come before the short one of b.
TEST_F(SchedulerTenants, TakeTurnsReadingPrompts) {
  std::deque<Answer> a;
  Answer writing, b;
  Scheduler scheduler(engine_, options_);
  submit(scheduler, request("a", 3, 300, 1), writing);
  scheduler.step();
  for (uint64_t i = 2; i < 12; ++i) submit(scheduler, request("a", 380, 1, i), a.emplace_back());
  for (int i = 0; i < 3; ++i) scheduler.step();
  submit(scheduler, request("b", 60, 1, 50), b);
  EXPECT_LE(steps_to_end(scheduler, b), 2);
  for (const Answer& answer : a) EXPECT_FALSE(answer.is_finished());
}

// What b needs would not be free if all but the first of a went: nobody goes.
TEST_F(SchedulerTenants, NobodyGoesInVain) {
  options_.kv_bytes = blocks(engine_, 8);
  std::deque<Answer> a;
  Answer b;
  Scheduler scheduler(engine_, options_);
  for (uint64_t i = 0; i < 3; ++i) submit(scheduler, request("a", 50, 60, i), a.emplace_back());
  for (int i = 0; i < 10; ++i) scheduler.step();
  submit(scheduler, request("b", 390, 5, 50), b);
  run(scheduler);
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(a[i].finished[0].preemptions, 0);
  EXPECT_EQ(b.tokens, run_alone(other_, request("b", 390, 5, 50)).tokens);
}

// Texts of a fill the memory: those of b get in, and do not have to go while a has several.
TEST_F(SchedulerTenants, NobodyTakesTheMemoryOfAnother) {
  options_.kv_bytes = blocks(engine_, 12);
  std::deque<Answer> a;
  Answer b;
  Scheduler scheduler(engine_, options_);
  for (uint64_t i = 0; i < 6; ++i) submit(scheduler, request("a", 50, 300, i), a.emplace_back());
  for (int i = 0; i < 60; ++i) scheduler.step();
  submit(scheduler, request("b", 120, 200, 50), b);
  EXPECT_LE(steps_to_end(scheduler, b), 202);
  EXPECT_EQ(b.finished[0].preemptions, 0);
  run(scheduler);
  EXPECT_EQ(b.tokens, run_alone(other_, request("b", 120, 200, 50)).tokens);
  EXPECT_EQ(a[0].finished[0].preemptions, 0);  // there is progress in any case
  for (uint64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(a[i].tokens, run_alone(other_, request("a", 50, 300, i)).tokens);
  }
}

}  // namespace
}  // namespace onebit
