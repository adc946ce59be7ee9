// Values as text: Python's str() and repr(), and json.dumps().
#pragma once

#include <string>

#include "jinja/runtime.h"

namespace onebit::jinja {

// str(value); undefined prints nothing. Strings keep their marks; of a list or dict that holds user
// text every byte is marked, since the user may have chosen its structure too.
MarkedString to_text(Runtime& runtime, const Value& value);
// repr(value), marked alike.
MarkedString to_repr(Runtime& runtime, const Value& value);

// float.__repr__: the shortest digits that read back as `number`.
std::string format_real(double number);

struct JsonOptions {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool has_indent = false;
  MarkedString indent;
  MarkedString item_separator;
  MarkedString key_separator;
};

// json.dumps(value, ...), marked like to_text. Fails for what JSON cannot express.
MarkedString to_json(Runtime& runtime, const Value& value, const JsonOptions& options);

}  // namespace onebit::jinja
