#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "base/error.h"

namespace onebit {
namespace {

const std::vector<float> kLogits = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f};

std::map<int32_t, double> frequencies(const SamplerOptions& options,
                                      const std::vector<int32_t>& recent = {}) {
  Sampler sampler(options);
  std::map<int32_t, double> counts;
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) counts[sampler.sample(kLogits, recent)] += 1.0 / kDraws;
  return counts;
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheLikeliest) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.sample(kLogits, {}), 1);
  const std::vector<float> bad = {std::numeric_limits<float>::quiet_NaN(), -5.0f,
                                  std::numeric_limits<float>::infinity()};
  EXPECT_EQ(sampler.sample(bad, {}), 1);
}

TEST(Sampler, DrawsFromTheSoftmaxAtItsTemperature) {
  const auto f = frequencies({.temperature = 2, .top_k = 0, .top_p = 1});
  double total = 0;
  for (const float l : kLogits) total += std::exp(l / 2);
  for (std::size_t i = 0; i < kLogits.size(); ++i) {
    EXPECT_NEAR(f.at(static_cast<int32_t>(i)), std::exp(kLogits[i] / 2) / total, 0.01);
  }
}

TEST(Sampler, CutsKeepAPrefixOfTheDistribution) {
  // At temperature 1 the probabilities are 0.40, 0.40, 0.15, 0.05, 0.01 for ids 1, 3, 2, 0, 4.
  auto f = frequencies({.temperature = 1, .top_k = 1, .top_p = 1});
  EXPECT_EQ(f.size(), 1u);
  EXPECT_EQ(f.begin()->first, 1);  // the tie with 3 goes to the lower id
  f = frequencies({.temperature = 1, .top_k = 0, .top_p = 0.5f});
  EXPECT_EQ(f.size(), 2u);
  EXPECT_NEAR(f.at(3), 0.5, 0.02);
  f = frequencies({.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.3f});
  EXPECT_EQ(f.size(), 3u);
  EXPECT_EQ(f.count(0), 0u);
}

TEST(Sampler, RepetitionPenaltyActsOnTheWindowOnly) {
  const SamplerOptions greedy{.temperature = 0, .repetition_penalty = 2, .repetition_window = 2};
  Sampler sampler(greedy);
  EXPECT_EQ(sampler.sample(kLogits, std::vector<int32_t>{1, 1, 1}), 3);
  EXPECT_EQ(sampler.sample(kLogits, std::vector<int32_t>{1, 3}), 2);
  EXPECT_EQ(sampler.sample(kLogits, std::vector<int32_t>{1, 0, 0}), 1);  // 1 is out of the window
  const std::vector<float> negative = {-1.0f, -1.5f};  // a negative logit moves away from 0
  EXPECT_EQ(sampler.sample(negative, std::vector<int32_t>{0}), 1);
}

TEST(Sampler, TheSeedIsTheWholeState) {
  const SamplerOptions options{.temperature = 1, .seed = 42};
  Sampler a(options);
  Sampler b(options);
  Sampler other({.temperature = 1, .seed = 43});
  int same = 0;
  for (int i = 0; i < 200; ++i) {
    const int32_t x = a.sample(kLogits, {});
    EXPECT_EQ(x, b.sample(kLogits, {}));
    same += x == other.sample(kLogits, {}) ? 1 : 0;
  }
  EXPECT_LT(same, 200);
}

TEST(Sampler, RefusesNonsense) {
  const auto message = [](const SamplerOptions& options) -> std::string {
    try {
      check_sampler_options(options);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({.temperature = -1}), "--temp: expected 0..100, found -1.000000");
  EXPECT_NE(message({.temperature = std::nanf("")}), "accepted");
  EXPECT_NE(message({.top_k = -1}), "accepted");
  EXPECT_NE(message({.top_p = 0}), "accepted");
  EXPECT_NE(message({.min_p = 1}), "accepted");
  EXPECT_NE(message({.repetition_penalty = 0}), "accepted");
}

}  // namespace
}  // namespace onebit
