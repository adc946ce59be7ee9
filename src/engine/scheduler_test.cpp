// What a scheduler accepts, in which order it works, and how requests end.
#include "engine/scheduler_testing.h"

namespace onebit {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  static const ModelFile& file() {
    static const ModelFile file = scheduler_test_file();
    return file;
  }
  // A request for n tokens after a prompt of its own.
  Request request(int64_t prompt, std::optional<int64_t> n, uint64_t seed = 1) const {
    Rng rng(seed);
    Request r;
    r.prompt = random_tokens(rng, prompt);
    r.max_tokens = n;
    r.sampling = {.temperature = 1, .seed = seed};
    return r;
  }
  std::string refusal(const Scheduler& scheduler, Request r) const {
    try {
      const_cast<Scheduler&>(scheduler).submit(std::move(r));
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }
  void run(Scheduler& scheduler) const {
    for (int i = 0; scheduler.step(); ++i) ASSERT_LT(i, 10000);
  }

  Engine engine_{file(), {.threads = 1, .prefill_chunk = 128}};
  Engine other_{file(), {.threads = 1}};  // where requests run alone
  SchedulerOptions options_{.kv_bytes = blocks(engine_, 100)};
};

TEST_F(SchedulerTest, RefusesWhatCanNeverRun) {
  const Scheduler scheduler(engine_, options_);
  EXPECT_EQ(scheduler.capacity(), 400);
  EXPECT_EQ(refusal(scheduler, request(0, 1)), "prompt: expected at least 1 token, found 0");
  EXPECT_EQ(refusal(scheduler, request(401, {})),
            "prompt: expected at most 400 tokens (the context), found 401");
  EXPECT_EQ(refusal(scheduler, request(300, 101)),
            "prompt + max_tokens: expected at most 400 tokens (the context), found 300 + 101");
  EXPECT_EQ(refusal(scheduler, request(300, 100)), "accepted");
  EXPECT_EQ(refusal(scheduler, request(400, {})), "accepted");
  EXPECT_EQ(refusal(scheduler, request(1, 0)), "max_tokens: expected 1..9007199254740992, found 0");
  Request r = request(3, 1);
  r.prompt[1] = 64;
  EXPECT_EQ(refusal(scheduler, r), "token id: expected 0..63, found 64");
  r.prompt[1] = -1;
  EXPECT_EQ(refusal(scheduler, r), "token id: expected 0..63, found -1");
  r = request(3, 1);
  r.top_logprobs = 21;
  EXPECT_EQ(refusal(scheduler, r), "top_logprobs: expected -1..20, found 21");
  r = request(3, 1);
  r.sampling.top_p = 0;
  EXPECT_NE(refusal(scheduler, r), "accepted");
  r = request(3, 1);
  r.sampling.logit_bias = {{64, 1.0f}};
  EXPECT_EQ(refusal(scheduler, r), "logit_bias: expected tokens 0..63, found 64");
  r = request(3, 1);
  r.on_hidden = [](std::span<const float>) {};
  EXPECT_EQ(refusal(scheduler, r), "accepted");
  r.top_logprobs = 0;
  EXPECT_EQ(refusal(scheduler, r), "top_logprobs: expected -1 with on_hidden, found 0");
  r.constraint = std::make_shared<TestConstraint>(1);
  EXPECT_EQ(refusal(scheduler, r), "constraint: expected none with on_hidden, found one");

  Engine small(file(), {.threads = 1});
  const Scheduler tight(small, {.kv_bytes = blocks(small, 3) - 1});
  EXPECT_EQ(tight.budget().n_blocks, 2);
  EXPECT_EQ(tight.capacity(), 128);
  EXPECT_EQ(refusal(tight, request(100, 29)),
            "prompt + max_tokens: expected at most 128 tokens (the memory for keys and values), "
            "found 100 + 29");
  EXPECT_EQ(refusal(tight, request(100, 28)), "accepted");
}

TEST_F(SchedulerTest, RefusesOptionsAndMemoryThatCannotBe) {
  EXPECT_THROW(Scheduler(engine_, {.kv_bytes = -1}), Error);
  EXPECT_THROW(Scheduler(engine_, {.kv_bytes = blocks(engine_, 1) - 1}), Error);
  EXPECT_THROW(Scheduler(engine_, {.kv_bytes = blocks(engine_, 1), .max_running = 0}), Error);
  EXPECT_GT(kv_budget(engine_.kv_pool().shape(), 0, int64_t{1} << 40).n_blocks, 10);
  EXPECT_EQ(kv_budget(engine_.kv_pool().shape(), 0, 3 * kKvBlock - 1).n_blocks, 3);
}

TEST_F(SchedulerTest, SaysFullAndThenNotAnyMore) {
  options_.max_running = 1;
  options_.max_waiting = 3;
  Scheduler scheduler(engine_, options_);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(scheduler.submit(request(5, 4)).has_value());
  EXPECT_FALSE(scheduler.submit(request(5, 4)).has_value());
  EXPECT_EQ(scheduler.stats().waiting, 4);
  scheduler.step();
  EXPECT_EQ(scheduler.stats().waiting, 3);
  EXPECT_EQ(scheduler.stats().running, 1);
  EXPECT_FALSE(scheduler.submit(request(5, 4)).has_value());
  for (int i = 0; i < 3; ++i) scheduler.step();
  EXPECT_TRUE(scheduler.submit(request(5, 4)).has_value());
  run(scheduler);
  EXPECT_EQ(scheduler.stats().finished[static_cast<std::size_t>(FinishReason::kLength)], 5);
}

TEST_F(SchedulerTest, EndsAsGenerateDoes) {
  Answer length, full, whole, stop, said;
  Scheduler scheduler(engine_, options_);
  Request stopped = request(10, 30);
  stopped.stop_tokens = {run_alone(other_, stopped).tokens[7]};
  submit(scheduler, request(10, 30), length);
  submit(scheduler, request(390, {}), full);
  submit(scheduler, request(400, {}), whole);
  submit(scheduler, stopped, stop);
  Request r = request(10, 30);
  r.on_token = [&](const TokenEvent& event) {
    said.tokens.push_back(event.token);
    return said.tokens.size() < 5;
  };
  r.on_finish = [&](const FinishEvent& event) { said.finished.push_back(event); };
  scheduler.submit(r);
  run(scheduler);
  EXPECT_EQ(length.reason(), FinishReason::kLength);
  EXPECT_EQ(length.tokens, run_alone(other_, request(10, 30)).tokens);
  EXPECT_EQ(length.finished[0].prompt_tokens, 10);
  EXPECT_GT(length.finished[0].prefill_seconds, 0);
  EXPECT_GT(length.finished[0].decode_seconds, 0);
  EXPECT_EQ(full.reason(), FinishReason::kContextFull);
  EXPECT_EQ(full.tokens, run_alone(other_, request(390, {})).tokens);
  EXPECT_EQ(full.tokens.size(), 11u);
  EXPECT_EQ(whole.reason(), FinishReason::kContextFull);
  EXPECT_EQ(whole.tokens.size(), 1u);
  EXPECT_EQ(stop.reason(), FinishReason::kStop);
  EXPECT_EQ(stop.tokens, run_alone(other_, stopped).tokens);
  EXPECT_LT(stop.tokens.size(), 8u);
  EXPECT_EQ(said.reason(), FinishReason::kStop);
  EXPECT_EQ(said.tokens.size(), 5u);
}

TEST_F(SchedulerTest, LogprobsDoNotDependOnCompanyEither) {
  const auto logprobs = [&](int others) {
    Answer answer;
    std::deque<Answer> rest(static_cast<std::size_t>(others));
    Scheduler scheduler(engine_, options_);
    uint64_t seed = 5;
    for (Answer& a : rest) submit(scheduler, request(20, 20, ++seed), a);
    Request r = request(30, 10);
    r.top_logprobs = 3;
    submit(scheduler, r, answer);
    run(scheduler);
    std::vector<float> all = answer.logprobs;
    for (const auto& t : answer.top) all.push_back(t.logprob);
    EXPECT_EQ(all.size(), 40u);
    return all;
  };
  const auto alone = logprobs(0);
  EXPECT_EQ(logprobs(7), alone);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_LE(alone[i], alone[10 + 3 * i]);  // the likeliest is at least as likely
    EXPECT_LT(alone[i], 0);
  }
}

TEST_F(SchedulerTest, ACancelledRequestIsGoneAfterAStep) {
  options_.prefix_cache = false;
  options_.max_running = 2;
  Answer reading, writing, waiting;
  Answer next;
  Scheduler scheduler(engine_, options_);
  const auto reads = submit(scheduler, request(390, 1, 1), reading);
  const auto writes = submit(scheduler, request(3, 300, 2), writing);
  const auto waits = submit(scheduler, request(3, 5, 3), waiting);
  scheduler.step();
  scheduler.step();
  EXPECT_TRUE(reading.tokens.empty());
  EXPECT_FALSE(writing.tokens.empty());
  for (const RequestId id : {reads, writes, waits}) scheduler.cancel(id);
  scheduler.cancel(writes);
  scheduler.cancel(12345);
  EXPECT_TRUE(scheduler.step());
  for (const Answer* a : {&reading, &writing, &waiting}) {
    EXPECT_EQ(a->reason(), FinishReason::kCancelled);
  }
  EXPECT_EQ(engine_.kv_pool().n_used(), 0);
  scheduler.cancel(reads);  // has ended already
  EXPECT_FALSE(scheduler.step());
  submit(scheduler, request(3, 5), next);
  run(scheduler);
  EXPECT_EQ(next.reason(), FinishReason::kLength);
}

TEST_F(SchedulerTest, RequestsThatAreStillThereEndWithAnEvent) {
  Answer reading, writing, waiting, arrived;
  {
    options_.max_running = 2;
    Scheduler scheduler(engine_, options_);
    submit(scheduler, request(3, 300, 2), writing);
    submit(scheduler, request(390, 1, 1), reading);
    submit(scheduler, request(3, 5, 3), waiting);
    scheduler.step();
    submit(scheduler, request(3, 5, 3), arrived);
  }
  for (const Answer* a : {&reading, &writing, &waiting, &arrived}) {
    ASSERT_TRUE(a->is_finished());
    EXPECT_EQ(a->reason(), FinishReason::kCancelled);
  }
  EXPECT_EQ(engine_.kv_pool().n_used(), 0);
}

// Disconnects at any time: slot and blocks are free after the next step.
TEST_F(SchedulerTest, CancelAtAnyTimeFreesSlotAndBlocks) {
  options_.prefix_cache = false;
  options_.max_running = 4;
  options_.prefill_tokens = 16;
  std::deque<Answer> others;
  Scheduler scheduler(engine_, options_);
  Rng rng(3);
  int while_waiting = 0, while_reading = 0, while_writing = 0;
  for (int phase = 0; phase < 200; ++phase) {
    SCOPED_TRACE(phase);
    for (uint64_t n = rng.below(6); n > 0; --n) {
      submit(scheduler, request(1 + static_cast<int64_t>(rng.below(100)), 20, rng.next()),
             others.emplace_back());
    }
    Answer answer;
    Request r = request(1 + static_cast<int64_t>(rng.below(200)), 100, rng.next());
    if (rng.below(4) == 0) r.on_hidden = [](std::span<const float>) {};
    const auto id = submit(scheduler, r, answer);
    for (uint64_t n = rng.below(30); n > 0 && !answer.is_finished(); --n) scheduler.step();
    if (!answer.is_finished()) {
      const auto before = scheduler.stats();
      ++(!answer.tokens.empty() ? while_writing
         : before.waiting > 0   ? while_waiting
                                : while_reading);
      scheduler.cancel(id);
      scheduler.step();
      ASSERT_TRUE(answer.is_finished());
      ASSERT_EQ(answer.reason(), FinishReason::kCancelled);
    }
    if (rng.below(2) == 0) run(scheduler);
    const auto after = scheduler.stats();
    if (after.running == 0) {
      ASSERT_EQ(engine_.kv_pool().n_used(), 0);
    }
  }
  run(scheduler);
  for (const Answer& other : others) ASSERT_EQ(other.tokens.size(), 20u);
  EXPECT_GT(while_waiting, 10);
  EXPECT_GT(while_reading, 10);
  EXPECT_GT(while_writing, 10);
}

// A long prompt beside one that decodes: each step brings it a token.
TEST_F(SchedulerTest, DecodingDoesNotWaitForALongPrompt) {
  options_.prefill_tokens = 64;
  Answer writing, reading;
  Scheduler scheduler(engine_, options_);
  submit(scheduler, request(3, 30, 1), writing);
  scheduler.step();
  submit(scheduler, request(390, 1, 2), reading);
  for (std::size_t step = 1; !reading.is_finished(); ++step) {
    ASSERT_EQ(writing.tokens.size(), step);
    scheduler.step();
    ASSERT_LT(step, 20u);
  }
  EXPECT_EQ(writing.tokens.size(), 1 + 7u);  // 390 tokens, 64 a step
}

// Short prompts overtake a long one: they take turns.
TEST_F(SchedulerTest, PromptsTakeTurns) {
  options_.prefill_tokens = 64;
  Answer writing, first_long, last_short;
  Scheduler scheduler(engine_, options_);
  submit(scheduler, request(3, 100, 1), writing);
  scheduler.step();
  submit(scheduler, request(390, 1, 2), first_long);
  submit(scheduler, request(60, 1, 3), last_short);
  for (int i = 0; i < 3; ++i) scheduler.step();
  EXPECT_TRUE(last_short.is_finished());
  EXPECT_FALSE(first_long.is_finished());
}

// Of prompts alike the first is read first: nobody gains if all are read side by side.
TEST_F(SchedulerTest, EqualPromptsAreReadOneAfterTheOther) {
  std::deque<Answer> answers;
  Scheduler scheduler(engine_, options_);  // 128 tokens of prompts in a step
  for (uint64_t i = 0; i < 4; ++i) submit(scheduler, request(380, 1, i), answers.emplace_back());
  std::vector<int> ends;
  for (int step = 1; step <= 12; ++step) {
    scheduler.step();
    while (ends.size() < 4 && answers[ends.size()].is_finished()) ends.push_back(step);
  }
  EXPECT_EQ(ends, (std::vector{3, 6, 9, 12}));
}

// New requests come in every step and could take all that a step reads of prompts: the long one
// still gets its turns.
TEST_F(SchedulerTest, NobodyStarves) {
  options_.prefill_tokens = 64;
  options_.max_running = 4;
  std::deque<Answer> shorts;  // outlive the scheduler, which ends them
  Answer longest;
  Scheduler scheduler(engine_, options_);
  uint64_t seed = 100;
  for (int step = 0; !longest.is_finished(); ++step) {
    ASSERT_LT(step, 80);
    while (scheduler.stats().waiting < 6) {
      submit(scheduler, request(64, 2, ++seed), shorts.emplace_back());
    }
    if (step == 3) submit(scheduler, request(380, 20, 1), longest);
    scheduler.step();
  }
  EXPECT_EQ(longest.tokens, run_alone(other_, request(380, 20, 1)).tokens);
}

TEST_F(SchedulerTest, PreemptsTheLastAdmittedAndNobodyLosesAToken) {
  options_.kv_bytes = blocks(engine_, 7);  // one of 400 positions
  for (const bool cache : {false, true}) {
    options_.prefix_cache = cache;
    std::deque<Answer> answers;
    Scheduler scheduler(engine_, options_);
    for (uint64_t i = 0; i < 4; ++i) submit(scheduler, request(50, 300, i), answers.emplace_back());
    run(scheduler);
    EXPECT_GT(scheduler.stats().preemptions, 2);
    EXPECT_EQ(answers[0].finished[0].preemptions, 0);  // the first never has to go
    for (uint64_t i = 0; i < 4; ++i) {
      EXPECT_EQ(answers[i].reason(), FinishReason::kLength);
      EXPECT_EQ(answers[i].tokens, run_alone(other_, request(50, 300, i)).tokens);
    }
    scheduler.drop_prefix_cache();
    EXPECT_EQ(engine_.kv_pool().n_used(), 0);
  }
}

// Several completions of one prompt read it once, although they come together.
TEST_F(SchedulerTest, CompletionsOfOnePromptReadItOnce) {
  std::deque<Answer> answers;
  Scheduler scheduler(engine_, options_);
  for (uint64_t i = 0; i < 8; ++i) {
    Request r = request(330, 10);
    r.sampling.seed = i;
    submit(scheduler, r, answers.emplace_back());
  }
  run(scheduler);
  EXPECT_EQ(scheduler.stats().prompt_tokens, 320 + 8 * 10);  // five blocks, and the rest of each
  EXPECT_EQ(scheduler.stats().cached_tokens, 7 * 320);
  for (uint64_t i = 0; i < 8; ++i) {
    Request r = request(330, 10);
    r.sampling.seed = i;
    EXPECT_EQ(answers[i].tokens, run_alone(other_, r).tokens);
  }
}

TEST_F(SchedulerTest, PrefixesAreTheTenantsOwn) {
  Scheduler scheduler(engine_, options_);
  for (const char* tenant : {"a", "b", "a"}) {
    Answer answer;
    Request r = request(200, 5);
    r.tenant = tenant;
    submit(scheduler, r, answer);
    run(scheduler);
    EXPECT_EQ(answer.tokens, run_alone(other_, request(200, 5)).tokens);
    EXPECT_EQ(answer.finished[0].cached_tokens, scheduler.stats().cached_tokens);
  }
  EXPECT_EQ(scheduler.stats().cached_tokens, 192);  // the third's
}

// What a request wrote is found by the next turn of its conversation.
TEST_F(SchedulerTest, AConversationGoesOnWhereItWas) {
  Answer first, second;
  Scheduler scheduler(engine_, options_);
  Request r = request(50, 100);
  submit(scheduler, r, first);
  run(scheduler);
  r.prompt.insert(r.prompt.end(), first.tokens.begin(), first.tokens.end());
  submit(scheduler, r, second);
  run(scheduler);
  EXPECT_EQ(second.finished[0].cached_tokens, 128);
  EXPECT_EQ(second.tokens, run_alone(other_, r).tokens);
}

// Blocks that others hold are not there: the request that waits for them alone ends with a line.
TEST_F(SchedulerTest, SaysSoWhenBlocksAreHeldFromOutside) {
  options_.kv_bytes = blocks(engine_, 7);
  Answer first, second;
  Scheduler scheduler(engine_, options_);
  {
    Sequence other(engine_);
    other.append(request(300, 1).prompt);
    submit(scheduler, request(200, 10), first);
    submit(scheduler, request(20, 10), second);
    run(scheduler);
  }
  EXPECT_EQ(first.reason(), FinishReason::kError);
  EXPECT_EQ(first.finished[0].error,
            "keys and values: expected 1 free blocks of 64 positions, found 0 of 7");
  EXPECT_EQ(second.reason(), FinishReason::kLength);
  scheduler.drop_prefix_cache();
  EXPECT_EQ(engine_.kv_pool().n_used(), 0);
}

}  // namespace
}  // namespace onebit
