#include "jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "jinja/string_ops.h"

namespace onebit::jinja {

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.as_int() == b.as_int();
    return a.as_real() == b.as_real();
  }
  if (a.is_string() && b.is_string()) {
    runtime.budget.scan(std::min(a.text().size(), b.text().size()));
    return a.bytes() == b.bytes();
  }
  if (a.is_list() && b.is_list()) {
    const List& x = a.as_list();
    const List& y = b.as_list();
    if (x.is_tuple != y.is_tuple || x.items.size() != y.items.size()) return false;
    for (std::size_t i = 0; i < x.items.size(); ++i) {
      runtime.budget.step();
      if (!equal(runtime, x.items[i], y.items[i])) return false;
    }
    return true;
  }
  if (a.is_dict() && b.is_dict()) {
    const Dict& x = a.as_dict();
    const Dict& y = b.as_dict();
    if (x.entries.size() != y.entries.size()) return false;
    for (const auto& [key, value] : x.entries) {
      const Value* const other = find_entry(runtime, y, key);
      if (!other || !equal(runtime, value, *other)) return false;
    }
    return true;
  }
  return a.is_same(b);
}

bool less(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.as_int() < b.as_int();
    return a.as_real() < b.as_real();
  }
  if (a.is_string() && b.is_string()) {
    runtime.budget.scan(std::min(a.text().size(), b.text().size()));
    return a.bytes() < b.bytes();  // UTF-8 sorts like code points
  }
  if (a.is_list() && b.is_list() && a.as_list().is_tuple == b.as_list().is_tuple) {
    const auto& x = a.as_list().items;
    const auto& y = b.as_list().items;
    for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
      runtime.budget.step();
      if (!equal(runtime, x[i], y[i])) return less(runtime, x[i], y[i]);
    }
    return x.size() < y.size();
  }
  fail(std::string("cannot order ") + a.defined().type_name() + " and " + b.defined().type_name());
}

const Value* find_entry(Runtime& runtime, const Dict& dict, const Value& key) {
  runtime.budget.step(static_cast<int64_t>(dict.entries.size() / 64));
  if (key.is_string()) return dict.find(key.bytes());
  for (const auto& [name, value] : dict.entries) {
    if (!name.is_string() && equal(runtime, name, key)) return &value;
  }
  return nullptr;
}

void set_entry(Runtime& runtime, std::vector<Value::Entry>& entries, const Value& key,
               const Value& value) {
  if (!key.defined().is_string() && !key.is_number() && !key.is_null() &&
      !(key.is_list() && key.as_list().is_tuple)) {
    fail(std::string("dict: a ") + key.type_name() + " cannot be a key");
  }
  // Linear, so charged: a template cannot make it quadratic for free.
  runtime.budget.step(static_cast<int64_t>(entries.size() / 16));
  runtime.budget.allocate(2 * sizeof(Value::Entry));
  for (auto& [name, old] : entries) {
    if (equal(runtime, name, key)) {
      old = value;
      return;
    }
  }
  entries.emplace_back(key, value);
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is_undefined()) return false;
  if (container.is_string()) {
    const std::string& wanted = text_argument(item, "in <str>").bytes();
    return find(runtime, container.bytes(), wanted) != std::string::npos;
  }
  if (container.is_list()) {
    for (const Value& candidate : container.as_list().items) {
      runtime.budget.step();
      if (equal(runtime, candidate, item)) return true;
    }
    return false;
  }
  if (container.is_dict()) return find_entry(runtime, container.as_dict(), item) != nullptr;
  fail(std::string("in: cannot look into ") + container.type_name());
}

namespace {

constexpr const char* kOperatorNames[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void no_operator(Binary::Op op, const Value& a, const Value& b) {
  fail(std::string(kOperatorNames[op]) + ": cannot be done with " + a.type_name() + " and " +
       b.type_name());
}

Value real_arithmetic(Binary::Op op, double a, double b) {
  if (b == 0 && (op == Binary::kDiv || op == Binary::kFloorDiv || op == Binary::kMod)) {
    fail("division by zero");
  }
  double result = 0;
  switch (op) {
    case Binary::kAdd:
      result = a + b;
      break;
    case Binary::kSub:
      result = a - b;
      break;
    case Binary::kMul:
      result = a * b;
      break;
    case Binary::kDiv:
      result = a / b;
      break;
    case Binary::kFloorDiv:
      result = std::floor(a / b);
      break;
    case Binary::kMod:
      result = std::fmod(a, b);
      if (result != 0 && (result < 0) != (b < 0)) result += b;
      break;
    default:
      result = std::pow(a, b);
      if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) fail("**: no real result");
  }
  return Value::real(result);
}

int64_t integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  bool overflow = false;
  while (exponent > 0) {
    if (exponent & 1) overflow = overflow || __builtin_mul_overflow(result, base, &result);
    exponent >>= 1;
    if (exponent > 0) overflow = overflow || __builtin_mul_overflow(base, base, &base);
    if (overflow) fail("**: the result does not fit 64 bits");
  }
  return result;
}

Value integer_arithmetic(Binary::Op op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case Binary::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Binary::kSub:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Binary::kMul:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Binary::kDiv:
      return real_arithmetic(op, static_cast<double>(a), static_cast<double>(b));
    case Binary::kFloorDiv:
    case Binary::kMod: {
      if (b == 0) fail("division by zero");
      if (b == -1) {  // the one quotient that overflows
        if (op == Binary::kFloorDiv) overflow = __builtin_sub_overflow(int64_t{0}, a, &result);
        break;
      }
      const bool rounds_down = a % b != 0 && (a < 0) != (b < 0);
      result = op == Binary::kMod ? a % b + (rounds_down ? b : 0) : a / b - rounds_down;
      break;
    }
    default:
      if (b < 0) return real_arithmetic(op, static_cast<double>(a), static_cast<double>(b));
      result = integer_power(a, b);
  }
  if (overflow) fail(std::string(kOperatorNames[op]) + ": the result does not fit 64 bits");
  return Value::integer(result);
}

Value repeat_sequence(Runtime& runtime, const Value& sequence, int64_t count) {
  const auto n = static_cast<std::size_t>(std::max<int64_t>(count, 0));
  if (sequence.is_string()) return Value::string(repeat(runtime, sequence.text(), n));
  const List& list = sequence.as_list();
  runtime.budget.allocate(list.items.size() * sizeof(Value), n);
  std::vector<Value> items;
  if (!list.items.empty()) {
    for (std::size_t i = 0; i < n; ++i) {
      items.insert(items.end(), list.items.begin(), list.items.end());
    }
  }
  return list.is_tuple ? Value::tuple(std::move(items)) : Value::list(std::move(items));
}

}  // namespace

Value arithmetic(Runtime& runtime, Binary::Op op, const Value& a, const Value& b) {
  a.defined();
  b.defined();
  if (a.is_integral() && b.is_integral()) return integer_arithmetic(op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return real_arithmetic(op, a.as_real(), b.as_real());
  if (op == Binary::kAdd && a.is_string() && b.is_string()) {
    runtime.budget.allocate(a.text().size());
    MarkedString out = a.text();
    out.append(b.text());
    return new_string(runtime, std::move(out));
  }
  if (op == Binary::kAdd && a.is_list() && b.is_list() &&
      a.as_list().is_tuple == b.as_list().is_tuple) {
    const auto& more = b.as_list().items;
    runtime.budget.allocate((a.as_list().items.size() + more.size()) * sizeof(Value));
    std::vector<Value> items = a.as_list().items;
    items.insert(items.end(), more.begin(), more.end());
    return a.as_list().is_tuple ? Value::tuple(std::move(items)) : Value::list(std::move(items));
  }
  if (op == Binary::kMul) {
    if ((a.is_string() || a.is_list()) && b.is_integral())
      return repeat_sequence(runtime, a, b.as_int());
    if ((b.is_string() || b.is_list()) && a.is_integral())
      return repeat_sequence(runtime, b, a.as_int());
  }
  if (op == Binary::kMod && a.is_string()) {
    return format_percent(
        runtime, a.text(),
        b.is_list() && b.as_list().is_tuple ? b.as_list().items : std::vector<Value>{b});
  }
  no_operator(op, a, b);
}

}  // namespace onebit::jinja
