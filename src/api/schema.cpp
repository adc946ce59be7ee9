#include "api/schema.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>

#include "api/endpoint.h"
#include "base/error.h"
#include "chat/request.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

std::string number_text(double x) {
  char text[32];
  const auto end = std::abs(x) < 1e15 && x == std::floor(x)
                       ? std::to_chars(text, text + sizeof text, static_cast<int64_t>(x)).ptr
                       : std::to_chars(text, text + sizeof text, x).ptr;
  return {text, end};
}

// "a, b or c" of "a|b|c"
std::string listed(std::string_view values, const char* quotes) {
  std::string text;
  while (true) {
    const std::size_t bar = values.find('|');
    text += quotes + std::string(values.substr(0, bar)) + quotes;
    if (bar == std::string_view::npos) return text;
    values.remove_prefix(bar + 1);
    text += values.find('|') == std::string_view::npos ? " or " : ", ";
  }
}

bool is_one_of(std::string_view value, std::string_view values) {
  while (true) {
    const std::size_t bar = values.find('|');
    if (values.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) return false;
    values.remove_prefix(bar + 1);
  }
}

bool is_in_range(const Field& field, double x) {
  return x >= field.min && x <= field.max;
}

// {"effort": null} asks for no more than {}.
json::value without_nulls(const json::value& value) {
  if (!value.is_object()) return value;
  json::object rest;
  for (const auto& [key, member] : value.get_object()) {
    if (!member.is_null()) rest[key] = without_nulls(member);
  }
  return rest;
}

bool is_valid(const Field& field, const json::value& value) {
  const auto size_is_in_range = [&](std::size_t n) {
    return is_in_range(field, static_cast<double>(n));
  };
  switch (field.type) {
    case FieldType::kBool:
      return value.is_bool();
    case FieldType::kInteger:
      return value.is_int64() && is_in_range(field, static_cast<double>(value.get_int64()));
    case FieldType::kNumber:
      return value.is_number() && is_in_range(field, value.to_number<double>());
    case FieldType::kString:
      return value.is_string() && size_is_in_range(value.get_string().size());
    case FieldType::kChoice:
      return value.is_string() && is_one_of(value.get_string(), field.values);
    case FieldType::kList:
      return value.is_array() && size_is_in_range(value.get_array().size());
    case FieldType::kObject:
      return value.is_object() && size_is_in_range(value.get_object().size());
    case FieldType::kOnly:
      return !field.values.empty() &&
             is_one_of(json::serialize(without_nulls(value)), field.values);
    case FieldType::kMixed:
      return true;
  }
  return false;
}

// The member at a path of names with dots; null: absent, or null.
const json::value* find_in(const json::object& object, std::string_view path) {
  const std::size_t dot = path.find('.');
  const json::value* const value = object.if_contains(path.substr(0, dot));
  if (value == nullptr || value->is_null()) return nullptr;
  if (dot == std::string_view::npos) return value;
  return value->is_object() ? find_in(value->get_object(), path.substr(dot + 1)) : nullptr;
}

}  // namespace

const Schema& schema_of(std::string_view path) {
  const auto all = schemas();
  const auto found = std::ranges::find(all, path, &Schema::path);
  ONEBIT_CHECK(found != all.end());
  return *found;
}

std::string expected_text(const Field& field) {
  const bool has_limit = field.max < kNoLimit;
  const std::string least = number_text(field.min);
  const std::string range = has_limit
                                ? " in [" + least + ", " + number_text(field.max) + "]"
                                : (field.min > -kNoLimit ? " of at least " + least : std::string());
  const auto counted = [&](const char* what, const char* units) {
    if (has_limit) {
      return what + (field.min > 0 ? " of " + least + " to " : std::string(" of at most ")) +
             number_text(field.max) + units;
    }
    return what + (field.min > 0 ? " of at least " + least + units : std::string());
  };
  switch (field.type) {
    case FieldType::kBool:
      return "a boolean";
    case FieldType::kInteger:
      return range.empty() ? "an integer of 64 bits" : "an integer" + range;
    case FieldType::kNumber:
      return "a number" + range;
    case FieldType::kString:
      return counted("a string", " bytes");
    case FieldType::kChoice:
      return listed(field.values, "'");
    case FieldType::kList:
      return counted("a list", " items");
    case FieldType::kObject:
      return counted("an object", " members");
    case FieldType::kMixed:
      return std::string(field.values);
    case FieldType::kOnly:
      return field.values.empty() ? "nothing (not supported)"
                                  : listed(field.values, "") + " (others are not supported)";
  }
  return {};
}

std::string found_text(const json::value& value) {
  if (value.is_number() || value.is_bool()) {
    const std::string text = json_text(value);
    // OpenAI takes 5.0 for no integer: it must not look like one.
    const bool looks_whole = text.find_first_not_of("-0123456789") == std::string::npos;
    return value.is_double() && looks_whole ? text + ".0" : text;
  }
  if (value.is_string()) return quote(value.get_string(), 40);
  if (value.is_array()) return "a list of " + std::to_string(value.get_array().size());
  if (value.is_object()) return "an object of " + std::to_string(value.get_object().size());
  return std::string(kind_name(value));
}

void refuse(const std::string& field, const std::string& expected, const std::string& found) {
  ApiError error;
  error.message = field + ": expected " + expected + ", found " + found;
  error.param = field;
  throw error;
}

Fields::Fields(const Schema& schema, const json::object& body) : schema_(schema), body_(body) {
  for (const auto fields : {schema.fields, schema.shared}) {
    for (const Field& field : fields) {
      const json::value* const value = find(field.name);
      const std::string name(field.name);
      if (value == nullptr) {
        if (field.required) refuse(name, expected_text(field), "none");
        continue;
      }
      if (is_valid(field, *value)) continue;
      std::string found = found_text(*value);
      if (field.type == FieldType::kString && value->is_string()) {
        found = std::to_string(value->get_string().size());
      }
      refuse(name, expected_text(field), found);
    }
  }
}

const json::value* Fields::find(std::string_view name) const {
  return find_in(body_, name);
}

const Field& Fields::field(std::string_view name, FieldType type) const {
  for (const auto fields : {schema_.fields, schema_.shared}) {
    const auto found = std::ranges::find(fields, name, &Field::name);
    if (found == fields.end()) continue;
    ONEBIT_CHECK(found->type == type ||
                 (found->type == FieldType::kChoice && type == FieldType::kString));
    return *found;
  }
  check_failed("a field of the schema", __FILE__, __LINE__);
}

bool Fields::flag(std::string_view name) const {
  const json::value* const value = find(name);
  return value ? value->get_bool() : field(name, FieldType::kBool).fallback == "true";
}

std::optional<int64_t> Fields::integer(std::string_view name) const {
  const std::string_view fallback = field(name, FieldType::kInteger).fallback;
  if (const json::value* const value = find(name)) return value->get_int64();
  if (fallback.empty()) return {};
  return json::parse(fallback).get_int64();
}

std::optional<double> Fields::number(std::string_view name) const {
  const std::string_view fallback = field(name, FieldType::kNumber).fallback;
  if (const json::value* const value = find(name)) return value->to_number<double>();
  if (fallback.empty()) return {};
  return json::parse(fallback).to_number<double>();
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const std::string_view fallback = field(name, FieldType::kString).fallback;
  if (const json::value* const value = find(name)) return std::string(value->get_string());
  if (fallback.empty()) return {};
  return std::string(json::parse(fallback).get_string());
}

}  // namespace onebit::api
