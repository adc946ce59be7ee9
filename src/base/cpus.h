// The CPUs that this process may use: affinity mask, cgroup quotas, physical cores.
#pragma once

#include <string>
#include <vector>

namespace onebit {

// What the cgroups of this process grant, in CPUs, rounded to at least 1: the smallest quota from
// its own cgroup up to the root, of cgroup v2 (cpu.max) or v1 (cpu.cfs_quota_us). A large number
// where there is no quota. `root` is the file system ("" in earnest, a folder in tests).
int cgroup_cpus(const std::string& root = "");

// One CPU of every physical core among `cpus`, in their order: the first of each core's siblings
// (/sys/devices/system/cpu/cpuN/topology). A CPU without topology is a core of its own.
std::vector<int> physical_cores(const std::vector<int>& cpus, const std::string& root = "");

// The CPUs in the affinity mask of the calling thread.
std::vector<int> allowed_cpus();

// Threads to work with where nobody says: physical cores in the affinity mask (a core's second
// hardware thread adds nothing to kernels that keep its units busy), no more than the cgroups
// grant, at least 1.
int default_threads();

}  // namespace onebit
