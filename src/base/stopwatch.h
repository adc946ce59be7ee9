// How long something took.
#pragma once

#include <chrono>

namespace onebit {

class Stopwatch {
 public:
  double seconds() const {  // since it was made
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace onebit
