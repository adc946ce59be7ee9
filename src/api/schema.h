// The members of requests as data: what they are read and checked by, what the documentation is
// printed from, and what a fuzzer makes requests of.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace onebit::api {

enum class FieldType : uint8_t {
  kBool,
  kInteger,  // min..max
  kNumber,   // min..max
  kString,   // min..max bytes
  kChoice,   // one of `values`, "a|b|c"
  kList,     // min..max items
  kObject,   // at most max members
  kMixed,    // `values` says in words what; the endpoint's code reads it
  kOnly,     // what OpenAI has and this server cannot do: null or one of the JSON in `values`, with
             // which nothing is asked for; "": null alone. Members that are null are none
};

inline constexpr double kNoLimit = std::numeric_limits<double>::infinity();

struct Field {
  std::string_view name;  // a member of a member: "stream_options.include_usage"
  FieldType type;
  double min = 0;
  double max = 0;
  std::string_view values = "";
  std::string_view fallback = "";  // what an absent one stands for, as JSON; "": nothing
  std::string_view doc = "";
  bool required = false;
};

struct Schema {
  std::string_view path;  // of the endpoint
  std::span<const Field> fields;
  std::span<const Field> shared = {};  // kGenerationFields, or none
};

// Of all endpoints that write text.
std::span<const Field> generation_fields();
// All endpoints', in the order of the documentation.
std::span<const Schema> schemas();
// Of the endpoint at this path, which there must be.
const Schema& schema_of(std::string_view path);

// "a number in [0, 2]"
std::string expected_text(const Field& field);
// What was sent, for messages: "3", "5.0", "'x'", "a list of 2".
std::string found_text(const boost::json::value& value);
// Throws ApiError 400 "FIELD: expected ..., found ..." with FIELD as its param.
[[noreturn]] void refuse(const std::string& field, const std::string& expected,
                         const std::string& found);

// The tables of docs/api-fields.md: the whole file.
std::string field_docs();

// A body that has been checked. Null counts as absent, members that are in no table are not seen.
// Names given to the functions must be in the schema with that type.
class Fields {
 public:
  // Checks everything that the schema says. Throws ApiError. Both must outlive this.
  Fields(const Schema& schema, const boost::json::object& body);

  // Null: absent.
  const boost::json::value* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  // What is absent is its fallback; nothing without one.
  bool flag(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;  // of strings and choices

 private:
  const Field& field(std::string_view name, FieldType type) const;

  const Schema& schema_;
  const boost::json::object& body_;
};

}  // namespace onebit::api
