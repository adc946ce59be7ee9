#include "jinja/runtime.h"

namespace onebit::jinja {

std::vector<Value> Args::bind(std::string_view function, std::initializer_list<const char*> names,
                              std::size_t required) const {
  const std::string who(function);
  if (positional.size() > names.size()) {
    fail(who + ": expected at most " + std::to_string(names.size()) + " arguments, found " +
         std::to_string(positional.size()));
  }
  std::vector<Value> out(positional);
  out.resize(names.size());
  std::vector<bool> given(names.size(), false);
  for (std::size_t i = 0; i < positional.size(); ++i) given[i] = true;
  for (const auto& [name, value] : named) {
    std::size_t i = 0;
    for (const char* candidate : names) {
      if (name == candidate) break;
      ++i;
    }
    if (i == names.size()) fail(who + ": unknown argument " + quote(name));
    if (given[i]) fail(who + ": argument " + quote(name) + " given twice");
    given[i] = true;
    out[i] = value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!given[i]) fail(who + ": missing argument " + quote(names.begin()[i]));
  }
  return out;
}

Value Args::take(std::string_view name) {
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (named[i].first == name) {
      const Value value = named[i].second;
      named.erase(named.begin() + static_cast<std::ptrdiff_t>(i));
      return value;
    }
  }
  return Value();
}

Value make_function(Function::Body body, int depth) {
  if (depth >= kMaxValueDepth) {
    fail("functions and their values nest deeper than " + std::to_string(kMaxValueDepth));
  }
  return Value::object(std::make_shared<Function>(std::move(body), depth));
}

Value new_string(Runtime& runtime, MarkedString text) {
  runtime.budget.allocate(128 + text.size() + text.runs().size() * sizeof(MarkedString::Run));
  return Value::string(std::move(text));
}

Value new_list(Runtime& runtime, std::vector<Value> items) {
  runtime.budget.allocate(64 + items.size() * sizeof(Value));
  return Value::list(std::move(items));
}

int64_t int_argument(const Value& value, std::string_view what) {
  if (!value.defined().is_integral()) {
    fail(std::string(what) + ": expected an integer, found " + value.type_name());
  }
  return value.as_int();
}

const MarkedString& text_argument(const Value& value, std::string_view what) {
  if (!value.defined().is_string()) {
    fail(std::string(what) + ": expected a string, found " + value.type_name());
  }
  return value.text();
}

}  // namespace onebit::jinja
