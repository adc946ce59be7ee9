// Whatever runs beside a request, however little memory there is: it gets what it gets alone.
#include "base/sanitized.h"
#include "engine/scheduler_testing.h"

namespace onebit {
namespace {

Request random_request(Rng& rng, const std::vector<std::vector<int32_t>>& beginnings,
                       bool long_answers) {
  Request r;
  if (rng.below(3) > 0) {
    r.prompt = beginnings[rng.below(beginnings.size())];
    r.prompt.resize(1 + rng.below(r.prompt.size()));
  }
  const auto more =
      random_tokens(rng, static_cast<int64_t>(rng.below(rng.below(4) == 0 ? 150 : 20)));
  r.prompt.insert(r.prompt.end(), more.begin(), more.end());
  if (r.prompt.empty()) r.prompt = {1};
  // Many are admitted, and grow.
  if (long_answers) r.prompt.resize(std::min<std::size_t>(r.prompt.size(), 70));
  const auto room = static_cast<uint64_t>(kTestContext - std::ssize(r.prompt));
  r.max_tokens = 1 + static_cast<int64_t>(rng.below(std::min<uint64_t>(room, 30)));
  if (long_answers || rng.below(10) == 0) r.max_tokens = 1 + static_cast<int64_t>(rng.below(room));
  if (rng.below(20) == 0) r.max_tokens.reset();
  r.sampling.temperature = rng.below(4) == 0 ? 0.0f : 1.0f;
  r.sampling.repetition_penalty = rng.below(2) == 0 ? 1.0f : 1.2f;
  if (rng.below(3) == 0) r.sampling.presence_penalty = 1.5f;
  if (rng.below(3) == 0) r.sampling.frequency_penalty = 0.5f;
  if (rng.below(4) == 0) r.sampling.logit_bias = {{5, 3.0f}, {7, -100.0f}};
  r.sampling.seed = rng.below(5);
  if (!long_answers && rng.below(4) == 0) r.stop_tokens = random_tokens(rng, 3);
  if (rng.below(4) == 0) r.top_logprobs = static_cast<int>(rng.below(4));
  r.tenant = rng.below(4) == 0 ? "b" : "a";
  if (rng.below(8) == 0) {
    r.top_logprobs = -1;
    r.on_hidden = [](std::span<const float>) {};
  }
  return r;
}

constexpr int kMixes = kIsSanitized ? 50 : 200;  // a minute

TEST(SchedulerMix, EachRequestGetsWhatItGetsAlone) {
  const ModelFile file = scheduler_test_file();
  Rng rng(5);
  SchedulerStats sum;
  int64_t sum_constrained = 0, sum_hidden = 0;
  for (int mix = 0; mix < kMixes; ++mix) {
    SCOPED_TRACE("mix " + std::to_string(mix));
    const int64_t chunks[] = {16, 100, 256};
    Engine engine(file, {.threads = 1 + mix % 2,
                         .prefill_chunk = chunks[rng.below(3)],
                         .kv = mix % 5 == 0 ? KvType::kInt8 : KvType::kF16});
    SchedulerOptions options;
    // From all that fits at once to hardly more than one.
    const bool is_tight = mix % 5 == 1;
    const int64_t budgets[] = {7, 8, 9, 14, 400};
    options.kv_bytes = blocks(engine, budgets[rng.below(is_tight ? 3 : 5)]);
    options.max_running =
        is_tight ? 8 : 1 + static_cast<int64_t>(rng.below(mix % 10 == 0 ? 32 : 8));
    options.prefill_tokens = rng.below(2) == 0 ? 64 : 7;
    options.prefix_cache = mix % 4 != 3;
    options.speculation = mix % 3 == 0 ? 0 : 1 + static_cast<int64_t>(rng.below(5));
    options.adaptive_speculation = mix % 3 == 1;
    Scheduler scheduler(engine, options);

    std::vector<std::vector<int32_t>> beginnings;
    for (int i = 0; i < 2; ++i) beginnings.push_back(random_tokens(rng, 200));
    std::deque<Request> requests;
    std::deque<std::optional<TestConstraint>> constraints;  // as they begin
    std::deque<Answer> answers;
    std::vector<RequestId> ids;
    const std::size_t n = is_tight ? 10 : 1 + rng.below(mix % 10 == 0 ? 32 : 10);
    for (int steps = 0; ids.size() < n || scheduler.step(); ++steps) {
      ASSERT_LT(steps, 20000) << "no end";
      // They come all at once or while others run.
      while (ids.size() < n && rng.below(3) > 0) {
        Request& r = requests.emplace_back(random_request(rng, beginnings, is_tight));
        auto& constraint = constraints.emplace_back();
        if (!r.on_hidden && rng.below(4) == 0) {
          constraint.emplace(rng.next(), rng.below(3) == 0 ? 10 : 1000);
          r.constraint = std::make_shared<TestConstraint>(*constraint);
        }
        ids.push_back(submit(scheduler, requests.back(), answers.emplace_back()));
      }
      if (!ids.empty() && rng.below(60) == 0) scheduler.cancel(ids[rng.below(ids.size())]);
      if (ids.size() < n) scheduler.step();
    }
    Engine other(file, {.threads = 1, .kv = mix % 5 == 0 ? KvType::kInt8 : KvType::kF16});
    for (std::size_t i = 0; i < n; ++i) {
      SCOPED_TRACE("request " + std::to_string(i));
      const auto expected =
          run_alone(other, requests[i], constraints[i] ? &*constraints[i] : nullptr);
      const Answer& answer = answers[i];
      ASSERT_TRUE(answer.is_finished());
      sum_constrained += constraints[i].has_value() ? std::ssize(answer.tokens) : 0;
      sum_hidden += std::ssize(answer.hidden);
      if (answer.reason() == FinishReason::kCancelled) {
        ASSERT_LE(answer.hidden.size(), expected.hidden.size());
        ASSERT_TRUE(std::ranges::equal(answer.hidden,
                                       std::span(expected.hidden).first(answer.hidden.size())));
        ASSERT_LE(answer.tokens.size(), expected.tokens.size());
        ASSERT_TRUE(std::ranges::equal(answer.tokens,
                                       std::span(expected.tokens).first(answer.tokens.size())));
      } else {
        ASSERT_EQ(answer.tokens, expected.tokens);
        ASSERT_TRUE(answer.hidden == expected.hidden);
        ASSERT_EQ(answer.reason(), expected.reason) << answer.finished[0].error;
      }
    }
    scheduler.drop_prefix_cache();
    ASSERT_EQ(engine.kv_pool().n_used(), 0);
    ASSERT_EQ(engine.kv_pool().n_free(), engine.kv_pool().n_blocks());
    const SchedulerStats stats = scheduler.stats();
    EXPECT_EQ(stats.running + stats.waiting, 0);
    sum.preemptions += stats.preemptions;
    sum.drafted_tokens += stats.drafted_tokens;
    sum.accepted_tokens += stats.accepted_tokens;
    sum.cached_tokens += stats.cached_tokens;
    sum.evicted_blocks += stats.evicted_blocks;
    for (std::size_t i = 0; i < kFinishReasons; ++i) sum.finished[i] += stats.finished[i];
  }
  // The mixes have met all that they are for.
  EXPECT_GT(sum.preemptions, kMixes / 4);
  EXPECT_GT(sum.drafted_tokens, 10 * kMixes);
  EXPECT_GT(sum.accepted_tokens, kMixes / 4);
  EXPECT_GT(sum_constrained, 10 * kMixes);
  EXPECT_GT(sum_hidden, 128 * 10 * kMixes);
  EXPECT_GT(sum.cached_tokens, 50 * kMixes);
  EXPECT_GT(sum.evicted_blocks, kMixes / 2);
  for (const auto reason : {FinishReason::kStop, FinishReason::kLength, FinishReason::kCancelled,
                            FinishReason::kContextFull}) {
    EXPECT_GT(sum.finished[static_cast<std::size_t>(reason)], kMixes / 20);
  }
}

}  // namespace
}  // namespace onebit
