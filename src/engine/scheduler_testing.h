// A tiny random model under a scheduler, and what its requests got.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <vector>

#include "engine/generate.h"
#include "engine/scheduler.h"
#include "models/test_model.h"

namespace onebit {

inline constexpr int64_t kTestContext = 400;

inline ModelFile scheduler_test_file() {
  TestModel m = small_test_model();
  m.config.max_seq_len = kTestContext;
  const auto path = write_test_model(m, "scheduler_test");
  ModelFile file = ModelFile::open(path);
  std::filesystem::remove(path);
  return file;
}

// Tokens of the test model's vocabulary.
inline std::vector<int32_t> random_tokens(Rng& rng, int64_t n) {
  std::vector<int32_t> tokens(static_cast<std::size_t>(n));
  for (int32_t& id : tokens) id = static_cast<int32_t>(rng.below(64));
  return tokens;
}

// Allows some tokens, which ones depends on all that came before; none after `most` of them.
class TestConstraint final : public TokenConstraint {
 public:
  explicit TestConstraint(uint64_t seed, int64_t most = 1 << 20) : state_(seed), left_(most) {}
  std::span<const uint64_t> mask() override {
    Rng rng(state_);
    mask_ = left_ > 0 ? rng.next() & rng.next() : 0;
    return {&mask_, 1};
  }
  void accept(int32_t token) override {
    EXPECT_TRUE(mask_ >> token & 1) << token;
    state_ = state_ * 31 + static_cast<uint64_t>(token) + 1;
    --left_;
  }

 private:
  uint64_t state_;
  int64_t left_;
  uint64_t mask_ = 0;
};

// What comes back from a request. It stays where it is while the request is alive.
struct Answer {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<TokenLogprob> top;  // of all tokens, one after the other
  std::vector<float> hidden;      // of a request that is embedded
  std::vector<FinishEvent> finished;

  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  bool is_finished() const { return !finished.empty(); }
  FinishReason reason() const { return finished.at(0).reason; }
  void listen_to(Request& request) {
    request.on_token = [this](const TokenEvent& event) {
      EXPECT_TRUE(finished.empty());
      tokens.push_back(event.token);
      logprobs.push_back(event.logprob);
      top.insert(top.end(), event.top.begin(), event.top.end());
      return true;
    };
    if (request.on_hidden) {
      request.on_hidden = [this](std::span<const float> rows) {
        EXPECT_TRUE(finished.empty() && !rows.empty());
        hidden.insert(hidden.end(), rows.begin(), rows.end());
      };
    }
    request.on_finish = [this](const FinishEvent& event) {
      EXPECT_TRUE(finished.empty());
      EXPECT_EQ(event.generated_tokens, std::ssize(tokens));
      finished.push_back(event);
    };
  }
};

inline RequestId submit(Scheduler& scheduler, Request request, Answer& answer) {
  answer.listen_to(request);
  const auto id = scheduler.submit(std::move(request));
  EXPECT_TRUE(id.has_value());
  return id.value_or(0);
}

// The kv_bytes that are so many blocks.
inline int64_t blocks(const Engine& engine, int64_t n) {
  return n * engine.kv_pool().shape().block_bytes();
}

// What generate() writes for the request, and why it ends; or what append_hidden gives.
struct Alone {
  std::vector<int32_t> tokens;
  FinishReason reason;
  std::vector<float> hidden = {};
};
inline Alone run_alone(Engine& engine, const Request& request,
                       TokenConstraint* constraint = nullptr) {
  Sequence sequence(engine);
  Alone alone;
  if (request.on_hidden) {
    sequence.append_hidden(request.prompt, [&](int64_t, std::span<const float> rows) {
      alone.hidden.insert(alone.hidden.end(), rows.begin(), rows.end());
    });
    alone.reason = FinishReason::kStop;
    return alone;
  }
  bool stopped = false;
  const auto stats = generate(
      sequence, request.prompt, request.max_tokens.value_or(1 << 20), request.sampling,
      [&](int32_t token) {
        stopped = std::ranges::count(request.stop_tokens, token) > 0;
        if (!stopped) alone.tokens.push_back(token);
        return !stopped;
      },
      nullptr, constraint);
  using Stop = GenerateStats::Stop;
  alone.reason = stopped || stats.stop == Stop::kStopToken ? FinishReason::kStop
                 : stats.stop == Stop::kContextFull        ? FinishReason::kContextFull
                                                           : FinishReason::kLength;
  return alone;
}

}  // namespace onebit
