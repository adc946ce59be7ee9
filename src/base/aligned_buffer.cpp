#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <mutex>
#include <string>

#include "base/sanitized.h"

namespace onebit {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kOwnPages = 2 * kHugePage;        // from here on a mapping of its own
constexpr uint64_t kSlabBlock = uint64_t{64} << 10;  // from here on a part of a slab
constexpr uint64_t kSlabBytes = uint64_t{32} << 20;
constexpr uint64_t kCheckMemory = uint64_t{64} << 20;  // from here on ask how much there is

// A number from a one-line file of the cgroup, or no limit ("max", or no such file).
int64_t cgroup_number(const char* path) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : std::numeric_limits<int64_t>::max();
}

// `bytes` of fresh zero pages at a multiple of `alignment`, huge where the system has them; null if
// there is no room.
void* map_aligned(uint64_t bytes, uint64_t alignment) {
  const uint64_t size = (bytes + 4095) / 4096 * 4096;
  void* mapping = mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(mapping);
  const uintptr_t aligned = (start + alignment - 1) / alignment * alignment;
  // Give back what alignment left over, so that unmapping needs only the block.
  if (aligned > start) munmap(mapping, aligned - start);
  const uintptr_t end = start + size + alignment;
  if (end > aligned + size) munmap(reinterpret_cast<void*>(aligned + size), end - aligned - size);
  void* memory = reinterpret_cast<void*>(aligned);
  madvise(memory, size, MADV_HUGEPAGE);  // a hint: failure costs only speed
  return memory;
}

// Blocks of middle size side by side in huge pages: a matrix of half a megabyte in pages of 4 KiB
// is read at half the speed (bench/NOTES.md). Blocks are cut off the current slab; a slab whose
// blocks are all free is given back, or used again if it is the current one. For any thread.
class Slabs {
 public:
  void* allocate(uint64_t bytes) {
    const uint64_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    const std::lock_guard lock(mutex_);
    if (current_ == nullptr || current_->used + size > kSlabBytes) {
      auto* slab = static_cast<Slab*>(map_aligned(kSlabBytes, kSlabBytes));
      if (slab == nullptr) return nullptr;
      if (current_ != nullptr && current_->blocks == 0) munmap(current_, kSlabBytes);
      current_ = slab;
      current_->used = current_->dirty = sizeof(Slab);
    }
    void* memory = reinterpret_cast<uint8_t*>(current_) + current_->used;
    if (current_->used < current_->dirty) {
      std::memset(memory, 0, std::min(size, current_->dirty - current_->used));
    }
    current_->used += size;
    current_->dirty = std::max(current_->dirty, current_->used);
    ++current_->blocks;
    return memory;
  }

  void free(void* memory) {
    auto* slab =
        reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(memory) / kSlabBytes * kSlabBytes);
    const std::lock_guard lock(mutex_);
    if (--slab->blocks > 0) return;
    if (slab == current_) {
      slab->used = sizeof(Slab);
    } else {
      munmap(slab, kSlabBytes);
    }
  }

 private:
  struct alignas(64) Slab {
    uint64_t used;    // bytes from the slab's begin
    uint64_t dirty;   // bytes that may not be zero
    uint64_t blocks;  // that are not free
  };
  std::mutex mutex_;
  Slab* current_ = nullptr;
};

Slabs& slabs() {
  static auto* slabs = new Slabs;  // blocks may be freed after static destructors have run
  return *slabs;
}

// A sanitizer sees what lies next to a block only if it made the block.
constexpr bool kUseSlabs = !kIsSanitized;

bool in_slab(uint64_t bytes) {
  return kUseSlabs && bytes >= kSlabBlock && bytes < kOwnPages;
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
  if (in_slab(bytes)) {
    void* memory = slabs().allocate(bytes);
    if (memory == nullptr) refuse(bytes, "");
    return memory;
  }
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
  void* memory = map_aligned(bytes, kHugePage);
  if (memory == nullptr) refuse(bytes, "");
  return memory;
}

void free_zeroed(void* memory, uint64_t bytes) noexcept {
  if (in_slab(bytes)) {
    slabs().free(memory);
  } else if (bytes < kOwnPages) {
    std::free(memory);
  } else {
    munmap(memory, (bytes + 4095) / 4096 * 4096);
  }
}

}  // namespace onebit
