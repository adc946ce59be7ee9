// Flags of speculation, for `run` and `chat`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/cli.h"
#include "engine/speculation.h"

namespace onebit {

struct SpeculationFlags {
  std::string kind;      // ngram, none; empty: none
  std::string draft;     // model; empty: none
  int64_t n_tokens = 8;  // guesses a step at most
};
void add_speculation_flags(CLI::App& command, SpeculationFlags& flags);

// Null without speculation. A draft model runs with the threads of `engine`, and its own
// context. Throws
// as open_engine, and Error(kInvalidArgument) if the vocabularies differ.
std::unique_ptr<Speculation> make_speculation(const SpeculationFlags& flags,
                                              const ModelFlags& model, const Engine& engine);

}  // namespace onebit
