// Energy of the CPU packages by RAPL (Intel's Running Average Power Limit; AMD has it too), as
// Linux shows it in /sys/class/powercap. Often only root may read it, and virtual machines have
// none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace onebit {

class EnergyMeter {
 public:
  explicit EnergyMeter(const std::filesystem::path& root = "/sys/class/powercap");

  bool available() const { return !packages_.empty(); }
  void start();
  // Joules since start() of all packages together (cores, caches and memory controllers; not the
  // memory itself). A counter that began anew is seen once: at 200 W it does so after about 20
  // minutes. Nothing without RAPL.
  std::optional<double> joules() const;

 private:
  struct Package {
    std::filesystem::path counter;  // energy_uj
    int64_t range;                  // max_energy_range_uj: the counter goes 0..range
    int64_t start = 0;
  };
  std::vector<Package> packages_;
};

}  // namespace onebit
