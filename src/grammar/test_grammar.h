// What tests of grammars share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "grammar/automaton.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/matcher.h"

namespace onebit {

inline std::shared_ptr<const Automaton> compile_gbnf(std::string_view text) {
  return std::make_shared<const Automaton>(parse_gbnf(text, "g"));
}

inline std::shared_ptr<const Automaton> compile_schema(std::string_view text) {
  return std::make_shared<const Automaton>(parse_json_schema(text, "s"));
}

// Byte by byte, as a whole text of the grammar.
inline bool matches(const std::shared_ptr<const Automaton>& automaton, std::string_view text) {
  Matcher matcher(automaton);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!matcher.accept(text.substr(i, 1))) return false;
  }
  return matcher.can_end();
}

template <typename F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

inline std::string gbnf_error(std::string_view text) {
  return message_of([&] { compile_gbnf(text); });
}
inline std::string schema_error(std::string_view text) {
  return message_of([&] { compile_schema(text); });
}

}  // namespace onebit
