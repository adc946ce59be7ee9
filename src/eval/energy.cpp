#include "eval/energy.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

namespace onebit {
namespace {

// The number in a one-line file, or nothing.
std::optional<int64_t> read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  int64_t value = 0;
  if (!(file >> value) || value < 0) return {};
  return value;
}

bool is_package(const std::filesystem::path& zone) {
  std::ifstream file(zone / "name");
  std::string name;
  // Not "psys", which counts packages again, and no zone of a zone (core, uncore, dram).
  return file >> name && name.starts_with("package");
}

}  // namespace

EnergyMeter::EnergyMeter(const std::filesystem::path& root) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("intel-rapl:") || std::ranges::count(name, ':') != 1) continue;
    const auto range = read_number(entry.path() / "max_energy_range_uj");
    const auto counter = entry.path() / "energy_uj";
    if (!is_package(entry.path()) || !range || !read_number(counter)) continue;
    packages_.push_back({counter, *range});
  }
  start();
}

void EnergyMeter::start() {
  for (Package& p : packages_) p.start = read_number(p.counter).value_or(0);
}

std::optional<double> EnergyMeter::joules() const {
  if (packages_.empty()) return {};
  int64_t microjoules = 0;
  for (const Package& p : packages_) {
    const auto now = read_number(p.counter);
    if (!now) return {};
    microjoules += *now >= p.start ? *now - p.start : *now + (p.range - p.start) + 1;
  }
  return static_cast<double>(microjoules) * 1e-6;
}

}  // namespace onebit
