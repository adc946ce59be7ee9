// GBNF, the notation of grammars of llama.cpp (grammars/README.md there; docs/grammar.md here).
#pragma once

#include <string>
#include <string_view>

#include "grammar/grammar.h"

namespace onebit {

inline constexpr std::size_t kMaxGbnfBytes = 64 * 1024;

// The rule `root` is what texts are matched with. Throws Error(kInvalidArgument)
// "NAME: line L, column C: expected X, found Y" (both from 1, the column in bytes) for what is not
// GBNF in UTF-8, a rule that is defined twice or not at all, no root, and the limits of Grammar.
Grammar parse_gbnf(std::string_view text, const std::string& name);

}  // namespace onebit
