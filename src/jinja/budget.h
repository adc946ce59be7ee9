// What one rendering may use. A template is code from a model file: hostile until proven otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace onebit::jinja {

inline constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20;
inline constexpr int kMaxSyntaxDepth = 128;    // nested tags, brackets, prefix operators
inline constexpr int kMaxChain = 800;          // operators of one tag that may nest to the left
inline constexpr int kMaxCallDepth = 128;      // macros in macros, filters in map() in map()
inline constexpr int kMaxEvalDepth = 1000;     // nested evaluations of any kind: bounds the stack
inline constexpr int kMaxValueDepth = 128;     // lists in lists
inline constexpr int64_t kMaxRange = 100'000;  // as Jinja2's sandbox
inline constexpr int64_t kMaxSteps = 1'000'000;
inline constexpr int64_t kMaxBytes = int64_t{256} << 20;  // allocated in total, freed or not
inline constexpr std::size_t kMaxOutputBytes = std::size_t{4} << 20;

// Counts down steps and bytes. Bytes are never given back: that bounds time as well as memory.
class Budget {
 public:
  void step(int64_t n = 1) {
    steps_ -= n;
    if (steps_ < 0) fail("more than 1000000 evaluation steps");
  }

  // Reading n bytes without keeping them: a step for each 1024, however small the portions.
  void scan(std::size_t n) {
    scanned_ += n;
    step(static_cast<int64_t>(scanned_ / 1024));
    scanned_ %= 1024;
  }

  // To be called before n bytes are allocated.
  void allocate(std::size_t n) {
    if (n > static_cast<std::size_t>(bytes_)) fail("more than 256 MiB of memory");
    bytes_ -= static_cast<int64_t>(n);
  }
  void allocate(std::size_t n, std::size_t count) {
    std::size_t total;
    if (__builtin_mul_overflow(n, count, &total)) fail("more than 256 MiB of memory");
    allocate(total);
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw Error(ErrorCode::kInvalidArgument, std::string("the template needs ") + what);
  }

  int64_t steps_ = kMaxSteps;
  std::size_t scanned_ = 0;  // bytes that have not made a step yet
  int64_t bytes_ = kMaxBytes;
};

}  // namespace onebit::jinja
