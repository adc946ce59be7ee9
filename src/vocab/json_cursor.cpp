#include "vocab/json_cursor.h"

#include "vocab/checks.h"

namespace onebit {

std::string describe(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case boost::json::kind::int64:
      return std::to_string(value.get_int64());
    case boost::json::kind::uint64:
      return std::to_string(value.get_uint64());
    case boost::json::kind::double_:
      return "the number " + std::to_string(value.get_double());
    case boost::json::kind::string:
      return quote({value.get_string().data(), value.get_string().size()});
    case boost::json::kind::array:
      return "an array";
    case boost::json::kind::object:
      return "an object";
  }
  return "";
}

void JsonCursor::fail(std::string_view expected, std::string_view found, ErrorCode code) const {
  vocab::fail(file_, path_.empty() ? "file" : path_, expected, found, code);
}

void JsonCursor::wrong_kind(std::string_view expected) const {
  fail(expected, describe(*value_));
}

const boost::json::object& JsonCursor::object() const {
  if (!value_->is_object()) wrong_kind("an object");
  return value_->get_object();
}

const boost::json::array& JsonCursor::array() const {
  if (!value_->is_array()) wrong_kind("an array");
  return value_->get_array();
}

std::string JsonCursor::string() const {
  if (!value_->is_string()) wrong_kind("a string");
  const auto& s = value_->get_string();
  return {s.data(), s.size()};
}

bool JsonCursor::boolean() const {
  if (!value_->is_bool()) wrong_kind("true or false");
  return value_->get_bool();
}

int64_t JsonCursor::integer(int64_t low, int64_t high) const {
  const int64_t* number = value_->if_int64();
  if (number == nullptr || *number < low || *number > high) {
    wrong_kind("an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return *number;
}

std::optional<JsonCursor> JsonCursor::find(std::string_view key) const {
  const auto* member = object().if_contains({key.data(), key.size()});
  if (member == nullptr || member->is_null()) return std::nullopt;
  return JsonCursor(*member, file_, (path_.empty() ? "" : path_ + ".") + std::string(key));
}

JsonCursor JsonCursor::at(std::string_view key) const {
  auto member = find(key);
  if (!member) fail("a member '" + std::string(key) + "'", "none");
  return *std::move(member);
}

JsonCursor JsonCursor::element(std::size_t index) const {
  return {array().at(index), file_, path_ + "[" + std::to_string(index) + "]"};
}

std::string JsonCursor::string_or(std::string_view key, std::string_view fallback) const {
  const auto member = find(key);
  return member ? member->string() : std::string(fallback);
}

bool JsonCursor::bool_or(std::string_view key, bool fallback) const {
  const auto member = find(key);
  return member ? member->boolean() : fallback;
}

}  // namespace onebit
