#include "eval/compare.h"

#include <gtest/gtest.h>

#include <cmath>

namespace onebit {
namespace {

TEST(LogitsComparison, EqualUpToAConstantIsTheSameDistribution) {
  const float a[] = {1, 2, 3};
  const float b[] = {2, 3, 4};
  LogitsComparison c;
  c.add(a, a);
  EXPECT_EQ(c.result().mean_kl, 0);
  EXPECT_EQ(c.result().min_cosine, 1);
  c.add(a, b);
  EXPECT_NEAR(c.result().mean_kl, 0, 1e-15);
  EXPECT_EQ(c.result().max_abs, 1);
  EXPECT_NEAR(c.result().rms, std::sqrt(0.5), 1e-15);
  EXPECT_EQ(c.result().top1_agreement, 1);
}

TEST(LogitsComparison, HandComputed) {
  // p = (1/4, 3/4), q = (1/2, 1/2): KL = 1/4 ln 1/2 + 3/4 ln 3/2.
  const float p[] = {0, std::log(3.0f)};
  const float q[] = {0, -0.0f};
  const float swapped[] = {std::log(3.0f), 0};
  LogitsComparison c;
  c.add(p, q);
  const double kl = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  EXPECT_NEAR(c.result().mean_kl, kl, 1e-7);
  c.add(p, swapped);
  EXPECT_EQ(c.result().positions, 2);
  EXPECT_EQ(c.result().top1_agreement, 0);
  EXPECT_NEAR(c.result().max_kl, 0.5 * std::log(3.0), 1e-7);
  EXPECT_NEAR(c.result().min_cosine, 0, 1e-12);
}

}  // namespace
}  // namespace onebit
