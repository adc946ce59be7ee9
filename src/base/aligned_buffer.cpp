#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

namespace onebit {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kOwnPages = 2 * kHugePage;          // from here on a mapping of its own
constexpr uint64_t kCheckMemory = uint64_t{64} << 20;  // from here on ask how much there is

// A number from a one-line file of the cgroup, or no limit ("max", or no such file).
int64_t cgroup_number(const char* path) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : std::numeric_limits<int64_t>::max();
}

// What a mapping of `bytes` takes: room to align its start to a huge page.
uint64_t mapped_bytes(uint64_t bytes) {
  return bytes / kHugePage * kHugePage + 2 * kHugePage;
}

[[noreturn]] void refuse(uint64_t bytes, const std::string& why) {
  throw Error(ErrorCode::kOutOfMemory,
              "cannot allocate " + std::to_string(bytes) + " bytes of memory" + why);
}

}  // namespace

int64_t available_memory() {
  int64_t available = std::numeric_limits<int64_t>::max();
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  int64_t kib = 0;
  while (file >> key >> kib) {
    if (key == "MemAvailable:") available = kib * 1024;
    std::getline(file, unit);
  }
  const int64_t limit = cgroup_number("/sys/fs/cgroup/memory.max");
  if (limit == std::numeric_limits<int64_t>::max()) return available;
  return std::min(available,
                  std::max<int64_t>(0, limit - cgroup_number("/sys/fs/cgroup/memory.current")));
}

void* allocate_zeroed(uint64_t bytes) {
  if (bytes > (uint64_t{1} << 56)) refuse(bytes, "");
  if (bytes < kOwnPages) {
    const uint64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, rounded);
    if (memory == nullptr) refuse(bytes, "");
    return std::memset(memory, 0, rounded);
  }
  if (bytes >= kCheckMemory) {
    const int64_t available = available_memory();
    if (bytes > static_cast<uint64_t>(available)) {
      refuse(bytes, ": " + std::to_string(available) + " are available");
    }
  }
  void* mapping = mmap(nullptr, mapped_bytes(bytes), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) refuse(bytes, "");
  const auto start = reinterpret_cast<uintptr_t>(mapping);
  const uintptr_t aligned = start / kHugePage * kHugePage + kHugePage;
  void* memory = reinterpret_cast<void*>(aligned);
  // Give back what alignment left over, so that free_zeroed needs only the block.
  if (aligned > start) munmap(mapping, aligned - start);
  const uintptr_t end = start + mapped_bytes(bytes);
  const uintptr_t used_end = aligned + (bytes + 4095) / 4096 * 4096;
  if (end > used_end) munmap(reinterpret_cast<void*>(used_end), end - used_end);
  madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: failure costs only speed
  return memory;
}

void free_zeroed(void* memory, uint64_t bytes) noexcept {
  if (bytes < kOwnPages) {
    std::free(memory);
  } else {
    munmap(memory, bytes);
  }
}

}  // namespace onebit
