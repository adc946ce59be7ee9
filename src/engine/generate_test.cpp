// What a sequence holds of a prompt is kept, and nothing of an answer depends on it.
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/generate.h"
#include "models/test_model.h"

namespace onebit {
namespace {

class Generate : public testing::Test {
 protected:
  Generate()
      : path_(write_test_model(small_test_model(), "generate_test")),
        engine_(ModelFile::open(path_), {.threads = 2, .prefill_chunk = 4}) {}
  ~Generate() override { std::filesystem::remove(path_); }

  struct Answer {
    std::vector<int32_t> tokens;
    GenerateStats stats;
  };
  Answer answer(Sequence& sequence, const std::vector<int32_t>& prompt) {
    Answer a;
    // The penalty makes the answer depend on all of the prompt, not only on the logits.
    a.stats =
        generate(sequence, prompt, 8, {.repetition_penalty = 1.3f, .seed = 7}, [&](int32_t token) {
          a.tokens.push_back(token);
          return true;
        });
    return a;
  }

  std::filesystem::path path_;
  Engine engine_;
};

TEST_F(Generate, KeepsTheCommonPrefix) {
  const std::vector<int32_t> first = {1, 2, 3, 4, 5, 6, 7};
  Sequence kept(engine_);
  const auto one = answer(kept, first);
  EXPECT_EQ(one.stats.prompt_tokens, 7);
  EXPECT_EQ(one.stats.cached_tokens, 0);
  EXPECT_EQ(kept.length(), 14);  // the last token of the answer is not run

  std::vector<int32_t> longer = first;
  longer.insert(longer.end(), one.tokens.begin(), one.tokens.end());
  longer.insert(longer.end(), {9, 8});
  const std::vector<std::vector<int32_t>> prompts = {longer, first,     {1, 2, 3, 9, 9, 9}, {1, 2},
                                                     {1},    {5, 1, 2}, {5, 1, 2}};
  const std::vector<int64_t> cached = {14, 6, 3, 1, 0, 0, 2};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Sequence fresh(engine_);
    const auto with = answer(kept, prompts[i]);
    EXPECT_EQ(with.tokens, answer(fresh, prompts[i]).tokens) << i;
    EXPECT_EQ(with.stats.cached_tokens, cached[i]) << i;
    EXPECT_EQ(with.stats.prompt_tokens, std::ssize(prompts[i]) - cached[i]) << i;
  }
}

TEST_F(Generate, TruncateForgets) {
  Sequence sequence(engine_);
  const std::vector<int32_t> tokens = {3, 1, 4, 1, 5, 9, 2, 6};
  const auto logits = sequence.append(tokens);
  const std::vector<float> expected(logits.begin(), logits.end());
  sequence.append(std::vector<int32_t>{10, 11, 12});
  sequence.truncate(5);
  EXPECT_EQ(sequence.length(), 5);
  EXPECT_TRUE(std::ranges::equal(sequence.tokens(), std::span(tokens).first(5)));
  const auto again = sequence.append(std::span(tokens).last(3));
  EXPECT_TRUE(std::ranges::equal(again, expected));
  sequence.clear();
  EXPECT_EQ(sequence.length(), 0);
}

}  // namespace
}  // namespace onebit
