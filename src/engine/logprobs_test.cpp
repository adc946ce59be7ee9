#include "engine/logprobs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"

namespace onebit {
namespace {

TEST(Logprobs, AreLogarithmsOfProbabilities) {
  const float half = std::log(0.5f);
  Logprobs l;
  compute_logprobs(std::vector<float>{half, half - 1e4f, half}, 2, 2, l);
  EXPECT_FLOAT_EQ(l.logprob, half);
  ASSERT_EQ(l.top.size(), 2u);
  EXPECT_EQ(l.top[0].token, 0);  // ties: the lower id
  EXPECT_EQ(l.top[1].token, 2);

  Rng rng(1);
  std::vector<float> logits(1000);
  for (float& x : logits) x = static_cast<float>(10 * rng.normal());
  compute_logprobs(logits, 17, 1000, l);
  double sum = 0;
  for (const TokenLogprob& t : l.top) sum += std::exp(static_cast<double>(t.logprob));
  EXPECT_NEAR(sum, 1, 1e-6);
  for (std::size_t i = 1; i < l.top.size(); ++i) EXPECT_GE(l.top[i - 1].logprob, l.top[i].logprob);
  for (const TokenLogprob& t : l.top) {
    if (t.token == 17) {
      EXPECT_EQ(t.logprob, l.logprob);
    }
  }
  Logprobs few;
  compute_logprobs(logits, 17, 5, few);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(few.top[i].token, l.top[i].token);
  compute_logprobs(logits, 17, 0, few);
  EXPECT_TRUE(few.top.empty());
  EXPECT_EQ(few.logprob, l.logprob);
}

TEST(Logprobs, ImpossibleTokens) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Logprobs l;
  compute_logprobs(std::vector<float>{nan, 3, -kInf, kInf}, 0, 4, l);
  EXPECT_EQ(l.logprob, -kInf);
  ASSERT_EQ(l.top.size(), 1u);
  EXPECT_EQ(l.top[0].token, 1);
  EXPECT_EQ(l.top[0].logprob, 0);
  compute_logprobs(std::vector<float>{nan, -kInf}, 1, 2, l);
  EXPECT_EQ(l.logprob, -kInf);
  EXPECT_TRUE(l.top.empty());
}

}  // namespace
}  // namespace onebit
