// What `run` and `chat` share: sampling flags, and Ctrl-C that ends a text but not the program.
#pragma once

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/generate.h"

namespace onebit {

struct SamplingFlags {
  SamplerOptions options;
  std::optional<int64_t> seed;
};
void add_sampling_flags(CLI::App& command, SamplingFlags& flags);
// Checked, with the seed that was asked for or a random one.
SamplerOptions sampler_options(const SamplingFlags& flags);

// "512 prompt tokens at 80.1 tok/s, 20 new at 30.2 tok/s", and with guesses "; 12 of 15 guesses
// right, 2.7 tokens a step"
std::string speed_text(const GenerateStats& stats);

// While one lives the first Ctrl-C only sets pressed(), a second one ends the program.
class CatchInterrupt {
 public:
  CatchInterrupt();
  ~CatchInterrupt();
  CatchInterrupt(const CatchInterrupt&) = delete;
  CatchInterrupt& operator=(const CatchInterrupt&) = delete;
  static bool pressed();

 private:
  struct sigaction before_ {};
};

// Prints and flushes. Throws as flush_stdout.
void print_now(const std::string& text);

}  // namespace onebit
