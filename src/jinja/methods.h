// The methods of strings, lists and dicts: Python's, without those that change the object.
#pragma once

#include <string>
#include <string_view>

#include "jinja/runtime.h"

namespace onebit::jinja {

bool has_method(const Value& object, std::string_view name);
// object.name as a value that can be called; has_method(object, name) must hold.
Value make_method(const Value& object, std::string name);

}  // namespace onebit::jinja
