// For tests: memory that faults on a read or write past its end.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "base/checked.h"

namespace onebit {

// Its last byte lies right before a page that faults: at_end(n) is a buffer of n bytes.
class GuardedMemory {
 public:
  explicit GuardedMemory(int64_t capacity) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    size_ = round_up(capacity, page);
    void* memory = mmap(nullptr, static_cast<std::size_t>(size_ + page), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ONEBIT_CHECK(memory != MAP_FAILED);
    begin_ = static_cast<uint8_t*>(memory);
    page_ = page;
    ONEBIT_CHECK(mprotect(begin_ + size_, static_cast<std::size_t>(page), PROT_NONE) == 0);
  }
  ~GuardedMemory() { munmap(begin_, static_cast<std::size_t>(size_ + page_)); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  uint8_t* at_end(int64_t bytes) {
    ONEBIT_CHECK(bytes <= size_);
    return begin_ + size_ - bytes;
  }

 private:
  uint8_t* begin_ = nullptr;
  int64_t size_ = 0;
  int64_t page_ = 0;
};

}  // namespace onebit
