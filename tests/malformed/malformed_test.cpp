// Every case of the catalogue, in this process: worth most under ASan and UBSan (.ci/run).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "catalogue.h"

namespace onebit::malformed {
namespace {

class Malformed : public ::testing::TestWithParam<Category> {};

TEST_P(Malformed, IsRefusedInOneLineAtLittleCost) {
  std::size_t rejected = 0;
  Outcome worst;
  const Cases cases = GetParam().make();
  for (const Case& c : cases) {
    const Outcome outcome = load(c);
    check(c, outcome);
    rejected += outcome.error.empty() ? 0 : 1;
    worst.seconds = std::max(worst.seconds, outcome.seconds);
    worst.requested_bytes = std::max(worst.requested_bytes, outcome.requested_bytes);
  }
  std::printf("%-20s %5zu cases, %5zu rejected; at most %.1f ms, %.1f KB\n", GetParam().name,
              cases.size(), rejected, 1e3 * worst.seconds,
              static_cast<double>(worst.requested_bytes) / 1024);
  EXPECT_GE(rejected, GetParam().min_rejects);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, Malformed,
                         ::testing::ValuesIn(categories().begin(), categories().end()),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(MalformedCatalogue, HasTwoThousandCasesToReject) {
  std::size_t rejects = 0;
  for (const Category& category : categories()) {
    for (const Case& c : category.make()) rejects += c.expect == Expect::kReject ? 1 : 0;
  }
  EXPECT_GE(rejects, 2000u);
}

}  // namespace
}  // namespace onebit::malformed
