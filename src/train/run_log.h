// log.jsonl of a run: one JSON object a line, one line a step.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "train/trainer.h"

namespace onebit {

class RunLog {
 public:
  explicit RunLog(std::filesystem::path dir);

  // Writes DIR/config.json and opens DIR/log.jsonl: anew at step 0, else keeping the lines of the
  // first `step` updates (those after the checkpoint will be written again).
  void start(const std::string& config_json, int64_t step);
  void step(const StepReport& report);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path dir_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace onebit
