#include "io/allocation_count.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

namespace {
int64_t g_allocated = 0;
}  // namespace

// Not inlined: GCC would then see free() on the result of operator new and warn.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  g_allocated += static_cast<int64_t>(size);
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace onebit::testing {

int64_t allocated_bytes() {
  return g_allocated;
}

namespace {

TEST(AllocationCount, CountsThisBinary) {
  const int64_t before = allocated_bytes();
  const std::string text(1000, 'x');
  EXPECT_GE(allocated_bytes() - before, 1000);
  EXPECT_EQ(text[999], 'x');
}

}  // namespace
}  // namespace onebit::testing
