// Jinja2's tests: x is defined, x is divisibleby 3, ...
#include "jinja/builtins.h"
#include "jinja/operators.h"
#include "jinja/print.h"
#include "jinja/string_ops.h"

namespace onebit::jinja {
namespace {

using Test = bool (*)(Runtime&, const Value&, const Value& argument);
struct Entry {
  Test test;
  int n_arguments;
};

template <bool (Value::*holds)() const>
bool kind(Runtime&, const Value& value, const Value&) {
  return (value.*holds)();
}

template <bool odd>
bool parity(Runtime& rt, const Value& value, const Value&) {
  const Value rest = arithmetic(rt, Binary::kMod, value, Value::integer(2));
  return equal(rt, rest, Value::integer(odd));
}

template <Case to>
bool is_case(Runtime& rt, const Value& value, const Value&) {
  const Value method = get_attribute(rt, Value::string(to_text(rt, value)),
                                     to == Case::kUpper ? "isupper" : "islower");
  return method.as_object().call(rt, {}).is_true();
}

bool is_iterable(Runtime&, const Value& value, const Value&) {
  return value.is_string() || value.is_list() || value.is_dict() || value.is_undefined();
}

bool eq(Runtime& rt, const Value& a, const Value& b) {
  return equal(rt, a, b);
}
bool ne(Runtime& rt, const Value& a, const Value& b) {
  return !equal(rt, a, b);
}
bool lt(Runtime& rt, const Value& a, const Value& b) {
  return less(rt, a, b);
}
bool gt(Runtime& rt, const Value& a, const Value& b) {
  return less(rt, b, a);
}
bool le(Runtime& rt, const Value& a, const Value& b) {
  return less(rt, a, b) || equal(rt, a, b);
}
bool ge(Runtime& rt, const Value& a, const Value& b) {
  return less(rt, b, a) || equal(rt, a, b);
}

const std::unordered_map<std::string_view, Entry>& tests() {
  static const std::unordered_map<std::string_view, Entry> table = {
      {"defined", {[](Runtime&, const Value& v, const Value&) { return !v.is_undefined(); }, 0}},
      {"undefined", {kind<&Value::is_undefined>, 0}},
      {"none", {kind<&Value::is_null>, 0}},
      {"boolean", {kind<&Value::is_bool>, 0}},
      {"integer", {kind<&Value::is_int>, 0}},
      {"float", {kind<&Value::is_real>, 0}},
      {"number", {kind<&Value::is_number>, 0}},
      {"string", {kind<&Value::is_string>, 0}},
      {"mapping", {kind<&Value::is_dict>, 0}},
      {"iterable", {is_iterable, 0}},
      {"sequence", {is_iterable, 0}},
      {"true",
       {[](Runtime&, const Value& v, const Value&) { return v.is_bool() && v.is_true(); }, 0}},
      {"false",
       {[](Runtime&, const Value& v, const Value&) { return v.is_bool() && !v.is_true(); }, 0}},
      {"callable",
       {[](Runtime&, const Value& v, const Value&) {
          return v.is_object() && v.as_object().is_callable();
        },
        0}},
      {"odd", {parity<true>, 0}},
      {"even", {parity<false>, 0}},
      {"upper", {is_case<Case::kUpper>, 0}},
      {"lower", {is_case<Case::kLower>, 0}},
      {"escaped", {[](Runtime&, const Value&, const Value&) { return false; }, 0}},
      {"filter",
       {[](Runtime&, const Value& v, const Value&) {
          return v.is_string() && has_filter(v.bytes());
        },
        0}},
      {"test",
       {[](Runtime&, const Value& v, const Value&) { return v.is_string() && has_test(v.bytes()); },
        0}},
      {"divisibleby",
       {[](Runtime& rt, const Value& a, const Value& b) {
          return !arithmetic(rt, Binary::kMod, a, b).is_true();
        },
        1}},
      {"sameas", {[](Runtime&, const Value& a, const Value& b) { return a.is_same(b); }, 1}},
      {"in", {[](Runtime& rt, const Value& a, const Value& b) { return contains(rt, b, a); }, 1}},
      {"eq", {eq, 1}},
      {"equalto", {eq, 1}},
      {"==", {eq, 1}},
      {"ne", {ne, 1}},
      {"!=", {ne, 1}},
      {"lt", {lt, 1}},
      {"lessthan", {lt, 1}},
      {"<", {lt, 1}},
      {"gt", {gt, 1}},
      {"greaterthan", {gt, 1}},
      {">", {gt, 1}},
      {"le", {le, 1}},
      {"<=", {le, 1}},
      {"ge", {ge, 1}},
      {">=", {ge, 1}},
  };
  return table;
}

}  // namespace

bool has_test(std::string_view name) {
  return tests().count(name) > 0;
}

bool apply_test(Runtime& runtime, std::string_view name, const Value& input, Args& args) {
  const auto found = tests().find(name);
  if (found == tests().end()) fail("unknown test " + quote(name));
  const auto [test, n_arguments] = found->second;
  if (!args.named.empty() || static_cast<int>(args.positional.size()) != n_arguments) {
    fail("test " + quote(name) + ": expected " + std::to_string(n_arguments) +
         " arguments, found " + std::to_string(args.positional.size() + args.named.size()));
  }
  runtime.budget.step();
  return test(runtime, input, n_arguments > 0 ? args.positional[0] : Value());
}

}  // namespace onebit::jinja
