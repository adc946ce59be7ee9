#include "jinja/value.h"

#include <algorithm>

#include "base/error.h"
#include "jinja/budget.h"
#include "jinja/runtime.h"

namespace onebit::jinja {
namespace {

int checked_depth(int depth) {
  if (depth > kMaxValueDepth) {
    throw Error(ErrorCode::kInvalidArgument,
                "lists and dicts nest deeper than " + std::to_string(kMaxValueDepth));
  }
  return depth;
}

std::shared_ptr<const List> make_list(std::vector<Value> items, bool is_tuple) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  checked_depth(depth + 1);
  return std::make_shared<const List>(List{std::move(items), is_tuple, depth + 1});
}

}  // namespace

Value Value::undefined(std::string why) {
  return Value(Data(Undefined{std::make_shared<const std::string>(std::move(why))}));
}

Value Value::string(std::string bytes, bool from_user) {
  return string(MarkedString(std::move(bytes), from_user));
}

Value Value::string(MarkedString text) {
  return Value(Data(std::make_shared<const MarkedString>(std::move(text))));
}

Value Value::list(std::vector<Value> items) {
  return Value(Data(make_list(std::move(items), false)));
}

Value Value::tuple(std::vector<Value> items) {
  return Value(Data(make_list(std::move(items), true)));
}

Value Value::dict(std::vector<Entry> entries) {
  int depth = 0;
  for (const auto& [key, value] : entries) depth = std::max({depth, key.depth(), value.depth()});
  checked_depth(depth + 1);
  return Value(Data(std::make_shared<const Dict>(Dict{std::move(entries), depth + 1})));
}

int64_t Value::as_int() const {
  return is_bool() ? int64_t{std::get<bool>(data_)} : std::get<int64_t>(data_);
}

double Value::as_real() const {
  return is_real() ? std::get<double>(data_) : static_cast<double>(as_int());
}

bool Value::is_true() const {
  if (is_undefined() || is_null()) return false;
  if (is_integral()) return as_int() != 0;
  if (is_real()) return as_real() != 0;
  if (is_string()) return !text().empty();
  if (is_list()) return !as_list().items.empty();
  if (is_dict()) return !as_dict().entries.empty();
  return true;
}

const char* Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_null()) return "None";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_real()) return "float";
  if (is_string()) return "str";
  if (is_list()) return as_list().is_tuple ? "tuple" : "list";
  if (is_dict()) return "dict";
  return as_object().type_name();
}

const Value& Value::defined() const {
  if (is_undefined()) {
    const auto& why = std::get<Undefined>(data_).why;
    throw Error(ErrorCode::kInvalidArgument, why ? *why : "the value is undefined");
  }
  return *this;
}

int Value::depth() const {
  if (is_list()) return as_list().depth;
  if (is_dict()) return as_dict().depth;
  if (is_object()) return as_object().depth();
  return 0;
}

bool Value::is_same(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_undefined() || is_null()) return true;
  if (is_integral()) return as_int() == other.as_int();
  if (is_real()) return as_real() == other.as_real();
  if (is_string()) return bytes() == other.bytes();
  return data_.index() == other.data_.index() && (is_list()   ? &as_list() == &other.as_list()
                                                  : is_dict() ? &as_dict() == &other.as_dict()
                                                              : &as_object() == &other.as_object());
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.is_string() && name.bytes() == key) return &value;
  }
  return nullptr;
}

Value Object::attribute(std::string_view name) const {
  return Value::undefined(std::string("'") + type_name() + "' has no attribute " + quote(name));
}

Value Object::call(Runtime&, Args) {
  throw Error(ErrorCode::kInvalidArgument, std::string("'") + type_name() + "' is not callable");
}

}  // namespace onebit::jinja
