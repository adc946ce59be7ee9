#include "base/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <thread>

namespace onebit {
namespace {

constexpr double kNoQuota = 1 << 20;

// CPUs of one cgroup; `max` or -1 is no quota.
double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");  // "quota period", microseconds
  double quota = 0;
  double period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : kNoQuota;
}

double quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period
                                                                                 : kNoQuota;
}

// The smallest quota of `path` and the cgroups above it.
double smallest_quota(const std::string& mount, std::string path,
                      double (*quota)(const std::string&)) {
  double smallest = quota(mount);
  for (; path.size() > 1; path.resize(path.rfind('/'))) {
    smallest = std::min(smallest, quota(mount + path));
  }
  return smallest;
}

}  // namespace

int cgroup_cpus(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  double cpus = std::min(quota_v2(mount), quota_v1(mount + "/cpu"));
  std::ifstream groups(root +
                       "/proc/self/cgroup");  // "id:controllers:/path", v2 has no controllers
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (!path.starts_with('/')) continue;
    if (controllers == ",,") cpus = std::min(cpus, smallest_quota(mount, path, quota_v2));
    if (controllers.find(",cpu,") != std::string::npos) {
      cpus = std::min(cpus, smallest_quota(mount + "/cpu", path, quota_v1));
    }
  }
  return std::max(1, static_cast<int>(std::lround(cpus)));
}

std::vector<int> physical_cores(const std::vector<int>& cpus, const std::string& root) {
  std::vector<int> cores;
  std::set<std::string> seen;  // lists of siblings
  for (const int cpu : cpus) {
    std::ifstream file(root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!(file >> siblings) || seen.insert(siblings).second) cores.push_back(cpu);
  }
  return cores;
}

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) {  // more CPUs than a cpu_set_t holds
    cpus.resize(std::max(1u, std::thread::hardware_concurrency()));
    std::iota(cpus.begin(), cpus.end(), 0);
  }
  return cpus;
}

int default_threads() {
  const auto cores = static_cast<int>(physical_cores(allowed_cpus()).size());
  return std::max(1, std::min(cores, cgroup_cpus()));
}

}  // namespace onebit
