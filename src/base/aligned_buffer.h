// Owning array, 64-byte aligned, for numbers that kernels read. Movable, not copyable.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "base/checked.h"

namespace onebit {

// `bytes` > 0 of zeros. Large blocks are pages of their own, on huge pages where the system has
// them, and cost memory only once touched. Throws Error(kOutOfMemory), for a block of 64 MiB or
// more also when the machine (or its cgroup) has less memory than that to give.
void* allocate_zeroed(uint64_t bytes);
void free_zeroed(void* memory, uint64_t bytes) noexcept;

// Bytes that this process may still take: /proc/meminfo's MemAvailable and the cgroup's limit.
int64_t available_memory();

template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;

  // `count` zeroed elements. Throws Error(kOutOfMemory).
  explicit AlignedBuffer(int64_t count) : size_(count) {
    ONEBIT_CHECK(count >= 0);
    if (count == 0) return;
    const auto bytes = checked_mul<uint64_t>(static_cast<uint64_t>(count), sizeof(T), "buffer");
    data_ = Owner(static_cast<T*>(allocate_zeroed(bytes)), Free{bytes});
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](int64_t i) { return data_.get()[i]; }
  const T& operator[](int64_t i) const { return data_.get()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  std::span<T> span() { return {data(), static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data(), static_cast<std::size_t>(size_)}; }

 private:
  struct Free {
    uint64_t bytes = 0;
    void operator()(T* p) const { free_zeroed(p, bytes); }
  };
  using Owner = std::unique_ptr<T, Free>;
  Owner data_;
  int64_t size_ = 0;
};

}  // namespace onebit
