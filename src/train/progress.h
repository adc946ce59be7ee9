// A line on a terminal that says how training goes; a line now and then where there is no terminal.
#pragma once

#include <chrono>
#include <cstdio>

#include "train/trainer.h"

namespace onebit {

class Progress {
 public:
  explicit Progress(std::FILE* out);  // usually stderr
  void update(const StepReport& report);
  void finish();  // ends the line

 private:
  using Clock = std::chrono::steady_clock;
  std::FILE* out_;
  bool terminal_;
  Clock::time_point start_;
  Clock::time_point last_;
  int64_t first_step_ = -1;
  double loss_ = 0;  // smoothed
};

}  // namespace onebit
