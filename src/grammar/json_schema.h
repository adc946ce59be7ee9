// JSON Schema (draft 2020-12, the part in docs/grammar.md) as a grammar of the documents that are
// valid under it.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "grammar/grammar.h"

namespace onebit {

inline constexpr int64_t kMaxSchemaBytes = 256 * 1024;

// Every text of the grammar is JSON and valid under the schema (but see `oneOf` there); not every
// valid document is a text of it: members come in the order of `properties`, and no others come
// unless additionalProperties asks for them. Throws Error(kUnsupported) for keywords and values of
// keywords that are not known, Error(kInvalidArgument) for what no schema says and for schemas that
// nothing is valid under: "NAME: #/properties/a: expected X, found Y".
Grammar json_schema_grammar(const boost::json::value& schema, const std::string& name);

// The same from text of at most kMaxSchemaBytes, which is read as json_file.h does.
Grammar parse_json_schema(std::string_view text, const std::string& name);

}  // namespace onebit
