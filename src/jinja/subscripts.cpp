// x.name, x[key], x[a:b:c], iteration and length.
#include <algorithm>
#include <vector>

#include "jinja/methods.h"
#include "jinja/operators.h"
#include "jinja/unicode.h"

namespace onebit::jinja {

Value get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  object.defined();
  if (object.is_object()) return object.as_object().attribute(name);
  if (has_method(object, name)) return make_method(object, std::string(name));
  if (object.is_dict()) {
    runtime.budget.step(static_cast<int64_t>(object.as_dict().entries.size() / 64));
    if (const Value* const value = object.as_dict().find(name)) return *value;
  }
  const std::string who = object.is_null() ? "None" : std::string(object.type_name()) + " object";
  return Value::undefined("'" + who + "' has no attribute " + quote(name));
}

Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  object.defined();
  if (object.is_dict()) {
    if (const Value* const value = find_entry(runtime, object.as_dict(), key)) return *value;
  }
  if (key.is_string()) return get_attribute(runtime, object, key.bytes());
  if (key.is_integral() && object.is_list()) {
    const auto& items = object.as_list().items;
    const auto n = static_cast<int64_t>(items.size());
    const int64_t i = key.as_int() < 0 ? key.as_int() + n : key.as_int();
    if (i >= 0 && i < n) return items[static_cast<std::size_t>(i)];
  }
  if (key.is_integral() && object.is_string()) {
    const MarkedString& text = object.text();
    runtime.budget.scan(text.size());
    int64_t i = key.as_int();
    if (i < 0) i += static_cast<int64_t>(count_characters(text.bytes()));
    std::size_t at = 0;
    for (; i > 0 && at < text.size(); --i) at = next_character(text.bytes(), at);
    if (i == 0 && at < text.size()) {
      return new_string(runtime, text.slice(at, next_character(text.bytes(), at)));
    }
  }
  return Value::undefined(std::string("'") + object.type_name() + " object' has no element " +
                          (key.is_integral() ? std::to_string(key.as_int()) : key.type_name()));
}

Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  object.defined();
  if (!object.is_list() && !object.is_string()) {
    return Value::undefined(std::string("'") + object.type_name() + " object' has no slices");
  }
  std::vector<std::size_t> offsets;
  int64_t n;
  if (object.is_string()) {
    runtime.budget.allocate(object.text().size() * sizeof(std::size_t));
    offsets = character_offsets(object.bytes());
    n = static_cast<int64_t>(offsets.size()) - 1;
  } else {
    n = static_cast<int64_t>(object.as_list().items.size());
  }
  const auto given = [](const Value& v) { return !v.is_undefined() && !v.is_null(); };
  const int64_t by = given(step) ? int_argument(step, "slice step") : 1;
  if (by == 0) fail("slice step is 0");
  // Python's rule: bounds count from the end if negative, then are clamped to what `by` can reach.
  const int64_t low = by > 0 ? 0 : -1;
  const int64_t high = by > 0 ? n : n - 1;
  const auto bound = [&](const Value& v, int64_t fallback) {
    if (!given(v)) return fallback;
    const int64_t i = int_argument(v, "slice bound");
    return std::clamp(i < 0 ? (i < -n ? low : i + n) : i, low, high);
  };
  const int64_t from = bound(start, by > 0 ? low : high);
  const int64_t to = bound(stop, by > 0 ? high : low);

  if (object.is_string() && by == 1) {
    if (from >= to) return Value::string("");
    return new_string(runtime, object.text().slice(offsets[static_cast<std::size_t>(from)],
                                                   offsets[static_cast<std::size_t>(to)]));
  }
  MarkedString text;
  std::vector<Value> items;
  for (int64_t i = from; by > 0 ? i < to : i > to;) {
    const auto at = static_cast<std::size_t>(i);
    if (object.is_string()) {
      text.append(object.text(), offsets[at], offsets[at + 1]);
    } else {
      items.push_back(object.as_list().items[at]);
    }
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  if (object.is_string()) return new_string(runtime, std::move(text));
  if (!object.as_list().is_tuple) return new_list(runtime, std::move(items));
  runtime.budget.allocate(items.size() * sizeof(Value));
  return Value::tuple(std::move(items));
}

std::shared_ptr<const List> iterate(Runtime& runtime, const Value& value) {
  if (value.is_list()) return value.list_ptr();
  std::vector<Value> items;
  if (value.is_string()) {
    const MarkedString& text = value.text();
    runtime.budget.allocate(text.size() * 128);  // each character becomes a string
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t next = next_character(text.bytes(), at);
      items.push_back(Value::string(text.slice(at, next)));
      at = next;
    }
  } else if (value.is_dict()) {
    runtime.budget.allocate(value.as_dict().entries.size() * sizeof(Value));
    for (const auto& entry : value.as_dict().entries) items.push_back(entry.first);
  } else if (!value.is_undefined()) {
    fail(std::string("cannot iterate over ") + value.type_name());
  }
  return Value::list(std::move(items)).list_ptr();
}

int64_t length(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) {
    runtime.budget.scan(value.text().size());
    return static_cast<int64_t>(count_characters(value.bytes()));
  }
  if (value.is_list()) return static_cast<int64_t>(value.as_list().items.size());
  if (value.is_dict()) return static_cast<int64_t>(value.as_dict().entries.size());
  fail(std::string("length: ") + value.type_name() + " has none");
}

}  // namespace onebit::jinja
