// Regular expressions of JSON Schema's `pattern`, as far as they are regular and anchored.
#pragma once

#include <string_view>

#include "grammar/json_rules.h"

namespace onebit {

// The inside of a JSON string that matches `pattern`, which must be "^...$": characters, '.',
// classes ([a-z], [^x], \d \w \s \D \W \S as in ECMA-262 without flags but by characters of
// Unicode), groups, '|' within groups, and * + ? {m} {m,} {m,n}. Throws Error(kUnsupported)
// "expected ..., found ... at column C" for anything else.
Grammar::Expression pattern_expression(std::string_view pattern, Grammar& grammar,
                                       JsonRules& rules);

}  // namespace onebit
