// Flags of constrained output, for `run` and `chat`.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <string>

#include "engine/generate.h"
#include "text/tokenizer.h"

namespace onebit {

class TokenMasks;

struct GrammarFlags {
  std::string grammar;      // file in GBNF
  std::string json_schema;  // file
};
void add_grammar_flags(CLI::App& command, GrammarFlags& flags);

// What the flags say about every text of a model.
class OutputGrammar {
 public:
  // Throws Error for a file that is not there or not of its kind. `tokenizer` must outlive this.
  OutputGrammar(const GrammarFlags& flags, const Tokenizer& tokenizer);

  // For a text that follows `prompt`; null without flags.
  std::shared_ptr<TokenConstraint> begin(std::span<const int32_t> prompt) const;

 private:
  const Tokenizer& tokenizer_;
  std::shared_ptr<const TokenMasks> masks_;
};

}  // namespace onebit
