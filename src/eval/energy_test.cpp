#include "eval/energy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace onebit {
namespace {

class Energy : public testing::Test {
 protected:
  Energy()
      : root_(std::filesystem::temp_directory_path() /
              ("energy_test." + std::to_string(getpid()))) {
    std::filesystem::create_directories(root_);
  }
  ~Energy() override { std::filesystem::remove_all(root_); }

  void zone(const std::string& name, const std::string& what,
            const std::string& range = "1000000") {
    write(name, "name", what);
    write(name, "max_energy_range_uj", range);
    count(name, 0);
  }
  void count(const std::string& name, int64_t microjoules) {
    write(name, "energy_uj", std::to_string(microjoules));
  }
  void write(const std::string& name, const std::string& file, const std::string& text) {
    std::filesystem::create_directories(root_ / name);
    std::ofstream(root_ / name / file) << text << '\n';
  }

  std::filesystem::path root_;
};

TEST_F(Energy, NotAvailable) {
  EXPECT_FALSE(EnergyMeter(root_ / "none").available());
  EXPECT_FALSE(EnergyMeter(root_).available());
  zone("intel-rapl:0:0", "core");  // a zone of a zone
  zone("intel-rapl:1", "psys");
  zone("other:0", "package-0");
  write("intel-rapl:2", "name", "package-0");  // no counter
  const EnergyMeter meter(root_);
  EXPECT_FALSE(meter.available());
  EXPECT_EQ(meter.joules(), std::nullopt);
}

TEST_F(Energy, SumsThePackages) {
  zone("intel-rapl:0", "package-0");
  zone("intel-rapl:1", "package-1");
  zone("intel-rapl:0:0", "core");
  count("intel-rapl:0", 100);
  EnergyMeter meter(root_);
  ASSERT_TRUE(meter.available());
  count("intel-rapl:0", 600'100);
  count("intel-rapl:1", 300'000);
  count("intel-rapl:0:0", 500'000);
  EXPECT_DOUBLE_EQ(*meter.joules(), 0.9);
  meter.start();
  EXPECT_EQ(meter.joules(), 0.0);
}

TEST_F(Energy, ACounterBeginsAnew) {
  zone("intel-rapl:0", "package-0", "999999");
  count("intel-rapl:0", 900'000);
  EnergyMeter meter(root_);
  count("intel-rapl:0", 50'000);
  EXPECT_DOUBLE_EQ(*meter.joules(), 0.15);
}

}  // namespace
}  // namespace onebit
