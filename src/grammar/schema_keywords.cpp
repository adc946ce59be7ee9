#include "grammar/schema_keywords.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "grammar/grammar.h"

namespace onebit {
namespace {

// Said to people or to other programs: they constrain nothing.
constexpr std::string_view kAnnotations[] = {
    "$schema",     "$id",     "$comment", "$defs",      "definitions", "title",
    "description", "default", "examples", "deprecated", "readOnly",    "writeOnly"};

const boost::json::object& object_of(const boost::json::value& schema, const SchemaPlace& place) {
  if (const auto* object = schema.if_object()) return *object;
  place.fail("expected a schema (an object), found " + describe_json(schema));
}

}  // namespace

SchemaPlace SchemaPlace::at(std::string_view step) const {
  // Paths only tell people where: what is deeper, or longer, is cut.
  constexpr std::size_t kMostBytes = 512;
  SchemaPlace place{name, path};
  if (path.size() >= kMostBytes) return place;
  place.path += '/';
  for (const char c : step.substr(0, kMostBytes)) {
    if (c == '~') {
      place.path += "~0";
    } else if (c == '/') {
      place.path += "~1";
    } else {
      place.path += c;
    }
  }
  return place;
}

void SchemaPlace::fail(const std::string& message, ErrorCode code) const {
  const std::string shown = quote(path, 200);
  throw Error(code, *name + ": " + shown.substr(1, shown.size() - 2) + ": " + message);
}

SchemaKeywords::SchemaKeywords(const boost::json::value& schema, SchemaPlace place)
    : members_(object_of(schema, place)), place_(std::move(place)) {}

const boost::json::value* SchemaKeywords::peek(std::string_view keyword) const {
  return members_.if_contains(keyword);
}

const boost::json::value* SchemaKeywords::find(std::string_view keyword) {
  asked_.emplace(keyword);
  return members_.if_contains(keyword);
}

void SchemaKeywords::wrong_kind(std::string_view keyword, const char* expected,
                                const boost::json::value& found) const {
  place_.at(keyword).fail(std::string("expected ") + expected + ", found " + describe_json(found));
}

const boost::json::array* SchemaKeywords::array(std::string_view keyword) {
  const auto* value = find(keyword);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) wrong_kind(keyword, "an array", *value);
  return &value->get_array();
}

const boost::json::object* SchemaKeywords::object(std::string_view keyword) {
  const auto* value = find(keyword);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) wrong_kind(keyword, "an object", *value);
  return &value->get_object();
}

std::optional<std::string> SchemaKeywords::string(std::string_view keyword) {
  const auto* value = find(keyword);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong_kind(keyword, "a string", *value);
  return std::string(value->get_string());
}

std::optional<int64_t> SchemaKeywords::count(std::string_view keyword) {
  const auto* value = find(keyword);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() > Grammar::kMaxRepeats) {
    const std::string expected = "a whole number from 0 to " + std::to_string(Grammar::kMaxRepeats);
    wrong_kind(keyword, expected.c_str(), *value);
  }
  return value->get_int64();
}

void SchemaKeywords::finish() const {
  for (const auto& member : members_) {
    if (asked_.contains(std::string_view(member.key()))) continue;
    if (std::ranges::find(kAnnotations, std::string_view(member.key())) != std::end(kAnnotations)) {
      continue;
    }
    place_.fail("expected only supported keywords, found " + quote(member.key()),
                ErrorCode::kUnsupported);
  }
}

std::string describe_json(const boost::json::value& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_string()) return quote(value.get_string());
  return boost::json::serialize(value);
}

}  // namespace onebit
