// The filters, tests and global functions of templates.
#pragma once

#include <string_view>
#include <unordered_map>

#include "jinja/runtime.h"

namespace onebit::jinja {

// input | name(args). Fails for an unknown name.
Value apply_filter(Runtime& runtime, std::string_view name, const Value& input, Args& args);
// input is name(args). Fails for an unknown name.
bool apply_test(Runtime& runtime, std::string_view name, const Value& input, Args& args);
bool has_filter(std::string_view name);
bool has_test(std::string_view name);

// A name that no variable has: range, dict, raise_exception, ...; undefined if there is none.
// `namespace` is the evaluator's.
Value find_global(std::string_view name);

using Filter = Value (*)(Runtime&, const Value& input, Args&);
using FilterTable = std::unordered_map<std::string_view, Filter>;
const FilterTable& text_filters();       // strings and numbers
const FilterTable& sequence_filters();   // lists and dicts
const FilterTable& selection_filters();  // those that take filters, tests or attributes

}  // namespace onebit::jinja
