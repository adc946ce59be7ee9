// Whatever is guessed, the tokens are those of plain decoding.
#include "engine/speculation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string>

#include "engine/draft_model.h"
#include "engine/generate.h"
#include "models/test_model.h"

namespace onebit {
namespace {

std::vector<int32_t> ngram(const std::vector<int32_t>& tokens, int64_t n) {
  std::vector<int32_t> draft;
  NgramDrafter().draft(tokens, n, Sampler({}), draft);
  return draft;
}

using Tokens = std::vector<int32_t>;

TEST(NgramDrafter, ContinuesTheLongestThenTheLatestMatch) {
  EXPECT_EQ(ngram({1}, 4), Tokens{});
  EXPECT_EQ(ngram({1, 2, 3, 4}, 4), Tokens{});
  EXPECT_EQ(ngram({1, 2, 7, 2}, 4), Tokens{});  // one token is no match
  EXPECT_EQ(ngram({1, 2, 7, 8, 1, 2}, 2), (Tokens{7, 8}));
  EXPECT_EQ(ngram({1, 2, 7, 1, 2, 8, 1, 2}, 1), Tokens{8});        // the latest
  EXPECT_EQ(ngram({5, 1, 2, 7, 1, 2, 8, 5, 1, 2}, 1), Tokens{7});  // the longest
  EXPECT_EQ(ngram({9, 1, 2, 1, 2}, 5), (Tokens{1, 2, 1, 2, 1}));   // past its own end
  EXPECT_EQ(ngram({3, 3, 3}, 4), (Tokens{3, 3, 3, 3}));
}

TEST(DraftLength, GuessesWhatPays) {
  // A step takes 1, a guess adds `cost`, the first `right` guesses of each step are right.
  const auto settle = [](double cost, int64_t right) {
    DraftLength length(8);
    int64_t drafted = 0;
    for (int i = 0; i < 1000; ++i) {
      const int64_t k = length.next();
      EXPECT_LE(k, 8);
      length.report(k, std::min(k, right), 1 + static_cast<double>(k) * cost);
      if (i >= 500) drafted += k;
    }
    return static_cast<double>(drafted) / 500;
  };
  EXPECT_EQ(settle(0.1, 8), 8);     // all right
  EXPECT_LT(settle(0.1, 0), 0.05);  // never right: one guess in a while
  EXPECT_LT(settle(1.2, 8), 0.05);  // right, but dearer than decoding
  EXPECT_GT(settle(0.05, 2), 1.5);  // about two of three
  EXPECT_LT(settle(0.05, 2), 5);
}

TEST(DraftLength, ReturnsWhenGuessesAreRightAgain) {
  DraftLength length(8);
  for (int i = 0; i < 300; ++i) {
    const int64_t k = length.next();
    length.report(k, 0, 1 + 0.1 * static_cast<double>(k));
  }
  int64_t drafted = 0;
  for (int i = 0; i < 300; ++i) {
    const int64_t k = length.next();
    length.report(k, k, 1 + 0.1 * static_cast<double>(k));
    drafted += k;
  }
  EXPECT_GT(drafted, 600);
}

// Guesses what a table says, right or wrong.
class FixedDrafter final : public Drafter {
 public:
  explicit FixedDrafter(std::function<int32_t(int64_t position)> guess)
      : guess_(std::move(guess)) {}
  void draft(std::span<const int32_t> tokens, int64_t n, const Sampler&,
             std::vector<int32_t>& draft) override {
    for (int64_t i = 0; i < n; ++i) draft.push_back(guess_(std::ssize(tokens) + i));
  }

 private:
  std::function<int32_t(int64_t)> guess_;
};

struct Text {
  Tokens tokens;
  GenerateStats stats;
  Tokens held;  // by the sequence afterwards
};

class Speculate : public testing::TestWithParam<std::string> {
 protected:
  Speculate() {
    if (GetParam() == "default") {
      path_ = std::string(ONEBIT_SOURCE_DIR) + "/models/default.gguf";
    } else {
      path_ = write_test_model(small_test_model(), "speculation_test");
    }
    engine_ = std::make_unique<Engine>(ModelFile::open(path_), options_);
  }
  ~Speculate() override {
    if (GetParam() != "default") std::filesystem::remove(path_);
  }

  Text text(const Tokens& prompt, int64_t n, const SamplerOptions& sampling,
            Speculation* speculation = nullptr) {
    Text t;
    Sequence sequence(*engine_);
    const auto keep = [&](int32_t token) {
      t.tokens.push_back(token);
      return std::ssize(t.tokens) != stop_after_;
    };
    t.stats = generate(sequence, prompt, n, sampling, keep, speculation);
    t.held.assign(sequence.tokens().begin(), sequence.tokens().end());
    return t;
  }

  // The same prompt and options with every drafter; returns the plain text.
  Text check(const Tokens& prompt, int64_t n, const SamplerOptions& sampling) {
    const Text plain = text(prompt, n, sampling);
    const auto compare = [&](const char* name, std::unique_ptr<Drafter> drafter, int64_t most,
                             bool adaptive) {
      Speculation speculation(std::move(drafter), most, adaptive);
      const Text t = text(prompt, n, sampling, &speculation);
      EXPECT_EQ(t.tokens, plain.tokens) << name;
      EXPECT_EQ(t.held, plain.held) << name;
      EXPECT_EQ(t.stats.stop, plain.stats.stop) << name;
      EXPECT_EQ(t.stats.generated_tokens, plain.stats.generated_tokens) << name;
      EXPECT_EQ(speculation.stats().steps, t.stats.speculation.steps);
      EXPECT_EQ(speculation.stats().drafted, t.stats.speculation.drafted);
      EXPECT_EQ(speculation.stats().accepted, t.stats.speculation.accepted);
      return t.stats.speculation;
    };
    Tokens all = prompt;
    all.insert(all.end(), plain.tokens.begin(), plain.tokens.end());
    const auto right = [&](int64_t at) {
      return at < std::ssize(all) ? all[static_cast<std::size_t>(at)] : 1;
    };
    const auto half = [&](int64_t at) { return at % 3 == 0 ? 2 : right(at); };
    for (const bool adaptive : {false, true}) {
      compare("ngram", std::make_unique<NgramDrafter>(), 5, adaptive);
      compare("half", std::make_unique<FixedDrafter>(half), 4, adaptive);
      compare("bad", std::make_unique<FixedDrafter>([](int64_t) { return 3; }), 3, adaptive);
    }
    // More guesses than a prefill chunk holds.
    auto stats = compare("right", std::make_unique<FixedDrafter>(right), 9, false);
    EXPECT_GE(stats.accepted, std::ssize(plain.tokens) - stats.steps - 1);
    auto same = std::make_unique<Engine>(ModelFile::open(path_), options_);
    stats = compare("model", std::make_unique<DraftModel>(std::move(same), engine_->tokenizer()), 4,
                    false);
    if (plain.stats.stop == GenerateStats::Stop::kLength) {
      EXPECT_EQ(stats.accepted, stats.drafted) << "the model itself guesses all right";
      EXPECT_LE(stats.steps, n / 5 + 1);
    }
    return plain;
  }

  EngineOptions options_{.threads = 2, .prefill_chunk = 4};
  std::filesystem::path path_;
  std::unique_ptr<Engine> engine_;
  int64_t stop_after_ = -1;
};

TEST_P(Speculate, GreedyAndSampledTokensAreThePlainOnes) {
  const Tokens prompt = {5, 6, 7, 5, 6};
  check(prompt, 40, {.temperature = 0});
  check(prompt, 40, {.temperature = 0, .repetition_penalty = 1.5f});
  for (const uint64_t seed : {1, 2, 3}) {
    check(prompt, 40, {.temperature = 1, .repetition_penalty = 1.2f, .seed = seed});
    check(prompt, 40, {.temperature = 1, .top_k = 0, .top_p = 1, .seed = seed});
  }
}

TEST_P(Speculate, EndsWhereThePlainTextEnds) {
  const SamplerOptions sampling{.temperature = 1, .seed = 4};
  check({1, 2}, 0, sampling);
  check({1, 2}, 1, sampling);
  stop_after_ = 7;
  EXPECT_EQ(check({1, 2}, 40, sampling).stats.stop, GenerateStats::Stop::kCallback);
  stop_after_ = -1;
  Tokens prompt(static_cast<std::size_t>(Sequence(*engine_).capacity() - 12));
  std::iota(prompt.begin(), prompt.end(), 0);
  for (int32_t& id : prompt) id %= 50;
  const Text full = check(prompt, 100, sampling);
  EXPECT_EQ(full.stats.stop, GenerateStats::Stop::kContextFull);
  EXPECT_EQ(full.stats.generated_tokens, 13);
}

INSTANTIATE_TEST_SUITE_P(All, Speculate, testing::Values("default", "random"),
                         [](const auto& param) { return param.param; });

// A token that the model writes after a while ends the text, in the middle of a draft too.
TEST(Speculation, StopsAtAStopTokenWithinADraft) {
  TestModel model = small_test_model();
  const Tokens prompt = {1, 2, 3};
  const auto write = [&](const std::filesystem::path& path, Speculation* speculation) {
    Engine engine(ModelFile::open(path), {.threads = 1});
    Sequence sequence(engine);
    Tokens tokens;
    const auto stats = generate(
        sequence, prompt, 40, {.temperature = 1, .seed = 2},
        [&](int32_t token) {
          tokens.push_back(token);
          return true;
        },
        speculation);
    EXPECT_EQ(sequence.length(), std::ssize(prompt) + std::ssize(tokens) -
                                     (stats.stop == GenerateStats::Stop::kStopToken ? 0 : 1));
    return tokens;
  };
  const auto path = write_test_model(model, "speculation_stop");
  const Tokens plain = write(path, nullptr);
  const int32_t stop = plain[20];
  model.edit_metadata = [&](GgufMetadata& metadata) {
    metadata.set("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(stop));
  };
  const auto stopping = write_test_model(model, "speculation_stop");
  const auto first = std::ranges::find(plain, stop);
  const Tokens expected(plain.begin(), first);
  EXPECT_EQ(write(stopping, nullptr), expected);
  for (const int64_t most : {1, 2, 5, 30}) {
    Speculation speculation(
        std::make_unique<FixedDrafter>([&](int64_t at) {
          return plain[std::min<std::size_t>(39, static_cast<std::size_t>(at) - 3)];
        }),
        most, false);
    EXPECT_EQ(write(stopping, &speculation), expected) << most;
  }
  std::filesystem::remove(path);
}

TEST(DraftModel, RefusesAnotherVocabulary) {
  const auto message = [](const TestModel& draft_model) -> std::string {
    const auto path = write_test_model(small_test_model(), "speculation_a");
    const auto draft_path = write_test_model(draft_model, "speculation_b");
    const Engine engine(ModelFile::open(path), {.threads = 1});
    auto draft = std::make_unique<Engine>(ModelFile::open(draft_path), EngineOptions{.threads = 1});
    std::filesystem::remove(path);
    std::filesystem::remove(draft_path);
    try {
      DraftModel(std::move(draft), engine.tokenizer());
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  TestModel other = small_test_model();
  other.config.n_layers = 1;
  EXPECT_EQ(message(other), "accepted");
  other.config.vocab_size = 60;
  EXPECT_EQ(message(other),
            "draft model: expected the model's vocabulary, with 64 tokens, found 60");
  other = small_test_model();
  other.edit_metadata = [](GgufMetadata& metadata) {
    auto tokens = metadata.get_strings("tokenizer.ggml.tokens");
    tokens[7] = "other";
    metadata.set("tokenizer.ggml.tokens", tokens);
  };
  EXPECT_EQ(message(other),
            "draft model: expected the model's vocabulary, with token 7 '(', found 'other'");
}

}  // namespace
}  // namespace onebit
