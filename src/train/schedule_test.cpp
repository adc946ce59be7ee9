#include "train/schedule.h"

#include <gtest/gtest.h>

namespace onebit {
namespace {

TEST(Schedule, TwoStage) {
  const Schedule s{ScheduleKind::kTwoStage, 1100, 100, 6e-3, 0, 0.1};
  EXPECT_DOUBLE_EQ(s.lr(0), 6e-5);
  EXPECT_DOUBLE_EQ(s.lr(99), 6e-3);
  EXPECT_DOUBLE_EQ(s.lr(100), 6e-3);
  EXPECT_NEAR(s.lr(599), 4e-3, 1e-5);   // end of stage one: 2/3 of the peak
  EXPECT_NEAR(s.lr(600), 3e-3, 1e-12);  // drop to 1/2
  EXPECT_NEAR(s.lr(850), 1.5e-3, 1e-12);
  EXPECT_NEAR(s.lr(1099), 0, 1e-5);
  EXPECT_DOUBLE_EQ(s.lr(1100), 0);
  EXPECT_DOUBLE_EQ(s.decay(549), 0.1);
  EXPECT_DOUBLE_EQ(s.decay(550), 0);
}

TEST(Schedule, Cosine) {
  const Schedule s{ScheduleKind::kCosine, 200, 0, 1.0, 0.1, 0.1};
  EXPECT_DOUBLE_EQ(s.lr(0), 1.0);
  EXPECT_NEAR(s.lr(100), 0.55, 1e-12);
  EXPECT_NEAR(s.lr(200), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ(s.decay(199), 0.1);
}

TEST(Schedule, Constant) {
  const Schedule s{ScheduleKind::kConstant, 10, 4, 2.0, 0, 0};
  EXPECT_DOUBLE_EQ(s.lr(1), 1.0);
  EXPECT_DOUBLE_EQ(s.lr(9), 2.0);
}

}  // namespace
}  // namespace onebit
