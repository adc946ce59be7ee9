// What `onebit bench` prints.
#pragma once

#include <string>

#include "eval/speed.h"

namespace onebit {

struct BenchReport {
  std::string model;
  std::string date;  // 2026-11-22
  std::string isa;
  int threads = 0;
  int64_t context = 0;  // that decoding ended at; 0: it began at the first token
  double load_s = 0;
  SpeedReport speed;
};

// A few lines for people.
std::string to_text(const BenchReport& report);
// One line: a JSON object. What was not or could not be measured is null.
std::string to_json(const BenchReport& report);

}  // namespace onebit
