#include "eval/int8_peak.h"

#include <gtest/gtest.h>

namespace onebit {
namespace {

TEST(Int8Peak, LoopsDoAtLeastWhatIsAsked) {
  int usable = 0;
  for (const Int8Loop& loop : int8_loops()) {
    if (!loop.usable()) {
      EXPECT_EQ(find_int8_loop(loop.isa), nullptr);
      continue;
    }
    ++usable;
    EXPECT_EQ(find_int8_loop(loop.isa), &loop);
    EXPECT_EQ(loop.run(0), 0);
    const int64_t done = loop.run(100'000);
    EXPECT_GE(done, 100'000) << loop.isa;
    EXPECT_LT(done, 200'000) << loop.isa;
  }
  if (usable == 0) GTEST_SKIP() << "no loop for this CPU";
}

TEST(Int8Peak, ScalarHasNone) {
  EXPECT_EQ(find_int8_loop("scalar"), nullptr);
}

TEST(Int8Peak, IsMoreThanAFewInstructions) {
  ThreadPool pool(2);
  for (const Int8Loop& loop : int8_loops()) {
    if (!loop.usable()) continue;
    // Any CPU that has the instruction does one in ten cycles of 1 GHz.
    EXPECT_GT(measure_int8_peak(pool, loop, 1, 0.002), 0.8e9) << loop.isa;
  }
}

}  // namespace
}  // namespace onebit
