// Requests that are more than a text to go on with: held to a grammar, or to be embedded.
#include <stdexcept>

#include "engine/scheduler_testing.h"
#include "grammar/gbnf.h"
#include "grammar/token_masks.h"

namespace onebit {
namespace {

class SchedulerRequests : public testing::Test {
 protected:
  // '"' ends texts.
  static const ModelFile& file() {
    static const ModelFile file = [] {
      TestModel m = small_test_model();
      m.config.max_seq_len = kTestContext;
      m.edit_metadata = [](GgufMetadata& metadata) {
        metadata.set("tokenizer.ggml.eos_token_id", uint32_t{1});
      };
      const auto path = write_test_model(m, "scheduler_requests_test");
      ModelFile made = ModelFile::open(path);
      std::filesystem::remove(path);
      return made;
    }();
    return file;
  }
  Request request(int64_t prompt, int64_t n, uint64_t seed = 1) const {
    Rng rng(seed);
    Request r;
    r.prompt = random_tokens(rng, prompt);
    r.max_tokens = n;
    r.sampling = {.temperature = 1, .top_k = 0, .top_p = 1, .seed = seed};
    return r;
  }
  void run(Scheduler& scheduler) const {
    for (int i = 0; scheduler.step(); ++i) ASSERT_LT(i, 10000);
  }

  Engine engine_{file(), {.threads = 2, .prefill_chunk = 128}};
  Engine other_{file(), {.threads = 1}};  // where requests run alone
  SchedulerOptions options_{.kv_bytes = blocks(engine_, 100), .prefill_tokens = 64};
};

class Grammar final : public TokenConstraint {
 public:
  explicit Grammar(std::shared_ptr<const TokenMasks> masks) : text_(std::move(masks)) {}
  std::span<const uint64_t> mask() override { return text_.mask(); }
  void accept(int32_t token) override { EXPECT_TRUE(text_.accept(token)); }

 private:
  ConstrainedText text_;
};

TEST_F(SchedulerRequests, TextsOfAGrammarAreThoseThatGenerateWrites) {
  const auto masks =
      std::make_shared<const TokenMasks>(std::make_shared<const Automaton>(parse_gbnf(
                                             "root ::= \"[\" (item (\",\" item){0,8})? \"]\"\n"
                                             "item ::= [0-9]{1,5} | [A-F]+ | root\n",
                                             "g")),
                                         std::make_shared<const TokenTrie>(engine_.tokenizer()));
  std::deque<Answer> answers;
  Scheduler scheduler(engine_, options_);
  for (uint64_t seed = 0; seed < 24; ++seed) {
    Request r = request(10, 100, seed);
    if (seed % 3 < 2) r.constraint = std::make_shared<Grammar>(masks);
    if (seed % 4 == 0) r.top_logprobs = 2;
    r.ignore_eos = seed % 3 == 0;  // of no effect under a grammar
    submit(scheduler, r, answers.emplace_back());
  }
  run(scheduler);
  int complete = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    Grammar grammar(masks);
    const bool is_held = seed % 3 < 2;
    const auto alone = run_alone(other_, request(10, 100, seed), is_held ? &grammar : nullptr);
    EXPECT_EQ(answers[seed].tokens, alone.tokens);
    EXPECT_EQ(answers[seed].reason(), alone.reason);
    if (!is_held) continue;
    const auto text = other_.tokenizer().decode(alone.tokens);
    EXPECT_EQ(text[0], '[');
    if (alone.reason != FinishReason::kStop) continue;
    EXPECT_EQ(text.back(), ']');
    ++complete;
  }
  EXPECT_GT(complete, 4);
}

TEST_F(SchedulerRequests, ATextEndsWhereNothingIsPossible) {
  Answer some, none;
  Scheduler scheduler(engine_, options_);
  Request r = request(10, 30);
  r.constraint = std::make_shared<TestConstraint>(3, 5);
  submit(scheduler, r, some);
  r.constraint = std::make_shared<TestConstraint>(3, 0);
  submit(scheduler, r, none);
  run(scheduler);
  EXPECT_EQ(some.reason(), FinishReason::kStop);
  EXPECT_LE(some.tokens.size(), 5u);
  EXPECT_GT(some.tokens.size(), 0u);
  EXPECT_EQ(none.reason(), FinishReason::kStop);
  EXPECT_TRUE(none.tokens.empty());
}

// Throws at its n-th mask, or when it accepts.
class Broken final : public TokenConstraint {
 public:
  Broken(int masks, bool at_accept) : masks_(masks), at_accept_(at_accept) {}
  std::span<const uint64_t> mask() override {
    if (--masks_ < 0 && !at_accept_) throw std::bad_alloc();
    return {&all_, 1};
  }
  void accept(int32_t) override {
    if (masks_ < 0) throw Error(ErrorCode::kUnsupported, "grammar: expected less, found more");
  }

 private:
  int masks_;
  bool at_accept_;
  uint64_t all_ = ~uint64_t{2};  // not the end
};

TEST_F(SchedulerRequests, WhatIsThrownEndsOneRequest) {
  Answer mask, accept, token, hidden, finish, good;
  Scheduler scheduler(engine_, options_);
  Request r = request(70, 20);
  r.constraint = std::make_shared<Broken>(3, false);
  submit(scheduler, r, mask);
  r.constraint = std::make_shared<Broken>(4, true);
  submit(scheduler, r, accept);
  r.constraint.reset();
  r.ignore_eos = true;
  r.sampling.seed = 9;
  submit(scheduler, r, good);
  token.listen_to(r);
  r.on_token = [&, listen = r.on_token](const TokenEvent& event) {
    listen(event);
    if (token.tokens.size() == 5) throw std::runtime_error("no such thing");
    return true;
  };
  scheduler.submit(r);
  finish.listen_to(r);
  r.on_finish = [listen = r.on_finish](const FinishEvent& event) {
    listen(event);
    throw 1;
  };
  scheduler.submit(r);
  r.on_hidden = [&](std::span<const float>) { throw std::bad_alloc(); };
  r.on_finish = [&](const FinishEvent& event) { hidden.finished.push_back(event); };
  scheduler.submit(r);
  run(scheduler);
  const auto error = [](const Answer& a) {
    EXPECT_EQ(a.reason(), FinishReason::kError);
    return a.finished.at(0).error;
  };
  EXPECT_EQ(error(mask), "std::bad_alloc");
  EXPECT_EQ(mask.tokens.size(), 3u);
  EXPECT_EQ(error(accept), "grammar: expected less, found more");
  EXPECT_EQ(accept.tokens.size(), 4u);
  EXPECT_EQ(error(token), "no such thing");
  EXPECT_EQ(token.tokens.size(), 5u);
  EXPECT_EQ(error(hidden), "std::bad_alloc");
  EXPECT_EQ(finish.reason(), FinishReason::kLength);
  EXPECT_EQ(good.reason(), FinishReason::kLength);
  EXPECT_EQ(good.tokens, finish.tokens);
  EXPECT_EQ(scheduler.stats().running, 0);
  scheduler.drop_prefix_cache();
  EXPECT_EQ(engine_.kv_pool().n_used(), 0);
}

// Always the same seven tokens.
class Cycle final : public TokenConstraint {
 public:
  std::span<const uint64_t> mask() override { return {&mask_, 1}; }
  void accept(int32_t token) override {
    EXPECT_EQ(mask_, uint64_t{1} << token);
    mask_ = uint64_t{1} << (10 + (token - 9) % 7);
  }

 private:
  uint64_t mask_ = 1 << 10;
};

// Tokens and logprobs are those without guesses, however many of these were right.
TEST_F(SchedulerRequests, GuessesChangeNothing) {
  const auto run_with = [&](int64_t guesses, std::deque<Answer>& answers) {
    options_.speculation = guesses;
    options_.adaptive_speculation = false;
    Scheduler scheduler(engine_, options_);
    for (uint64_t seed = 0; seed < 6; ++seed) {
      Request r = request(20, 200, seed);
      r.sampling.temperature = seed < 4 ? 0.0f : 1.0f;
      r.ignore_eos = true;
      if (seed % 2 == 0) r.top_logprobs = 3;
      if (seed == 2) r.constraint = std::make_shared<TestConstraint>(5, 150);
      if (seed == 4) r.constraint = std::make_shared<Cycle>();
      if (seed == 5) r.stop_tokens = {9};
      submit(scheduler, r, answers.emplace_back());
    }
    run(scheduler);
    return scheduler.stats();
  };
  std::deque<Answer> plain, guessed;
  const auto without = run_with(0, plain);
  const auto with = run_with(5, guessed);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(guessed[i].tokens, plain[i].tokens);
    EXPECT_EQ(guessed[i].reason(), plain[i].reason());
    EXPECT_EQ(guessed[i].logprobs, plain[i].logprobs);
    ASSERT_EQ(guessed[i].top.size(), plain[i].top.size());
    for (std::size_t t = 0; t < plain[i].top.size(); ++t) {
      EXPECT_EQ(guessed[i].top[t].token, plain[i].top[t].token);
      EXPECT_EQ(guessed[i].top[t].logprob, plain[i].top[t].logprob);
    }
  }
  EXPECT_EQ(without.drafted_tokens, 0);
  EXPECT_GT(with.accepted_tokens, 100);
  EXPECT_GE(with.drafted_tokens, with.accepted_tokens);
  EXPECT_LT(with.steps, without.steps);
  EXPECT_EQ(with.generated_tokens, without.generated_tokens);
  EXPECT_EQ(with.prompt_tokens, without.prompt_tokens);
}

// A prompt to embed is read in chunks: each step brings the others a token all the same.
TEST_F(SchedulerRequests, EmbedsBesideWhatDecodes) {
  Answer writing, first, again;
  Scheduler scheduler(engine_, options_);
  Request r = request(10, 40, 2);
  r.ignore_eos = true;
  submit(scheduler, r, writing);
  scheduler.step();
  r = request(300, 1);
  r.on_hidden = [](std::span<const float>) {};
  submit(scheduler, r, first);
  submit(scheduler, r, again);  // reads all of it too: nothing of a prefix is found
  for (std::size_t step = 1; !first.is_finished() || !again.is_finished(); ++step) {
    ASSERT_EQ(writing.tokens.size(), step);
    scheduler.step();
  }
  EXPECT_EQ(writing.tokens.size(), 1 + 10u);  // 600 tokens, 64 a step, to the ends of blocks
  run(scheduler);
  const auto alone = run_alone(other_, r);
  EXPECT_EQ(std::ssize(alone.hidden), 300 * engine_.config().hidden_size);
  EXPECT_TRUE(first.hidden == alone.hidden);
  EXPECT_TRUE(again.hidden == alone.hidden);
  EXPECT_EQ(first.reason(), FinishReason::kStop);
  EXPECT_EQ(first.finished[0].prompt_tokens, 300);
  EXPECT_EQ(first.finished[0].cached_tokens, 0);
  EXPECT_GT(first.finished[0].prefill_seconds, 0);
  EXPECT_TRUE(first.tokens.empty());
}

}  // namespace
}  // namespace onebit
