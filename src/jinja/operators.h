// Python's operators on values.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "jinja/ast.h"
#include "jinja/runtime.h"

namespace onebit::jinja {

// a == b: numbers by value (True == 1), all others only within their kind.
bool equal(Runtime& runtime, const Value& a, const Value& b);
// a < b for numbers, strings, lists; fails for others.
bool less(Runtime& runtime, const Value& a, const Value& b);
// item in container.
bool contains(Runtime& runtime, const Value& container, const Value& item);

// + - * / // % ** ; never kAnd, kOr.
Value arithmetic(Runtime& runtime, Binary::Op op, const Value& a, const Value& b);

// object.name: method first, then dict entry. object[key]: the other way round. Undefined if there
// is neither; fails for an undefined object.
Value get_attribute(Runtime& runtime, const Value& object, std::string_view name);
Value get_item(Runtime& runtime, const Value& object, const Value& key);
Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                const Value& step);
// The value under `key`, nullptr if there is none.
const Value* find_entry(Runtime& runtime, const Dict& dict, const Value& key);
// entries[key] = value.
void set_entry(Runtime& runtime, std::vector<Value::Entry>& entries, const Value& key,
               const Value& value);

// What a loop sees: items, characters, keys; nothing for undefined. Fails for others.
std::shared_ptr<const List> iterate(Runtime& runtime, const Value& value);
// len(), undefined: 0.
int64_t length(Runtime& runtime, const Value& value);

}  // namespace onebit::jinja
