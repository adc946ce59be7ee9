// For tests: memory that runs out. Takes the place of the program's functions that allocate, so it
// is included in one file of a test binary.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace onebit {

// Threads whose allocations are counted and may fail.
inline thread_local bool g_may_fail = false;

inline std::atomic<int64_t> g_allocations = 0;
inline std::atomic<int64_t> g_first_failure = INT64_MAX;
inline std::atomic<int64_t> g_failures = 0;

// From now on: the n-th allocation fails, and as many in all as `failures`.
inline void fail_allocations(int64_t n, int64_t failures) {
  g_first_failure = INT64_MAX;
  g_allocations = 0;
  g_failures = failures;
  g_first_failure = n;
}
inline void spare_allocations() {
  g_first_failure = INT64_MAX;
}

inline bool next_allocation_fails() {
  if (!g_may_fail || g_first_failure == INT64_MAX) return false;
  const int64_t i = g_allocations++ - g_first_failure;
  return i >= 0 && i < g_failures;
}

inline void* allocate(std::size_t size) noexcept {
  return next_allocation_fails() ? nullptr : std::malloc(size > 0 ? size : 1);
}

}  // namespace onebit

// All of them: those of a sanitiser would not know the others' memory. Not inline: the compiler
// would see new and free() meet.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* p = onebit::allocate(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new[](std::size_t size) {
  return operator new(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return onebit::allocate(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return onebit::allocate(size);
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete[](void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete[](void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What Asio allocates its operations with.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  void* p = nullptr;
  if (onebit::next_allocation_fails() || posix_memalign(&p, alignment, size) != 0) return nullptr;
  return p;
}
#endif
