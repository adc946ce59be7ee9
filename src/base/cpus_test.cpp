#include "base/cpus.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace onebit {
namespace {

namespace fs = std::filesystem;

// A file system with just the files that a test writes.
class FakeRoot : public ::testing::Test {
 protected:
  FakeRoot() { fs::remove_all(root_); }
  ~FakeRoot() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  const std::string root_ = ::testing::TempDir() + "cpus_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(FakeRoot, NoCgroupMeansNoQuota) {
  EXPECT_GT(cgroup_cpus(root_), 1000);
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_GT(cgroup_cpus(root_), 1000);
}

TEST_F(FakeRoot, TheSmallestQuotaFromHereToTheRootCounts) {
  write("/proc/self/cgroup", "0::/user.slice/app.scope\n");
  write("/sys/fs/cgroup/user.slice/app.scope/cpu.max", "600000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 6);
  write("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 3);  // 2.5, rounded
  write("/sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 1);  // a tenth of a CPU is still one thread
}

TEST_F(FakeRoot, CgroupsOfVersion1) {
  write("/proc/self/cgroup", "4:memory:/other\n3:cpu,cpuacct:/docker/x\nnonsense\n");
  write("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
  EXPECT_GT(cgroup_cpus(root_), 1000);
  write("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cgroup_cpus(root_), 4);
}

TEST_F(FakeRoot, OneCpuOfEveryPhysicalCore) {
  const auto siblings = [&](int cpu, const char* list) {
    write("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
          list);
  };
  siblings(0, "0,4\n");
  siblings(1, "1,5\n");
  siblings(4, "0,4\n");
  siblings(5, "1,5\n");
  EXPECT_EQ(physical_cores({0, 1, 4, 5}, root_), (std::vector<int>{0, 1}));
  EXPECT_EQ(physical_cores({4, 5}, root_), (std::vector<int>{4, 5}));
  EXPECT_EQ(physical_cores({0, 4, 9}, root_), (std::vector<int>{0, 9}));  // 9: unknown
}

TEST(Cpus, ThisMachineHasSome) {
  EXPECT_FALSE(allowed_cpus().empty());
  EXPECT_GE(default_threads(), 1);
  EXPECT_LE(default_threads(), static_cast<int>(allowed_cpus().size()));
}

}  // namespace
}  // namespace onebit
