// The members of a schema, each to be asked for: what nobody asked for is not supported.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"

namespace onebit {

// Where a schema is, for messages: "schema.json: #/properties/a".
struct SchemaPlace {
  const std::string* name;
  std::string path;

  SchemaPlace at(std::string_view step) const;  // one step of a JSON pointer (RFC 6901)
  [[noreturn]] void fail(const std::string& message,
                         ErrorCode code = ErrorCode::kInvalidArgument) const;
};

class SchemaKeywords {
 public:
  // Throws unless `schema` is an object. It must outlive this.
  SchemaKeywords(const boost::json::value& schema, SchemaPlace place);

  const SchemaPlace& place() const { return place_; }

  // The value or null, not asked for by this.
  const boost::json::value* peek(std::string_view keyword) const;
  bool has(std::string_view keyword) const { return peek(keyword) != nullptr; }
  // The value, now asked for; null: none.
  const boost::json::value* find(std::string_view keyword);
  // The same of one kind, else an error.
  const boost::json::array* array(std::string_view keyword);
  const boost::json::object* object(std::string_view keyword);
  std::optional<std::string> string(std::string_view keyword);
  std::optional<int64_t> count(std::string_view keyword);  // 0 .. Grammar::kMaxRepeats

  // Throws Error(kUnsupported) that names a keyword that was not asked for and is no annotation.
  void finish() const;

 private:
  [[noreturn]] void wrong_kind(std::string_view keyword, const char* expected,
                               const boost::json::value& found) const;

  const boost::json::object& members_;
  SchemaPlace place_;
  std::set<std::string, std::less<>> asked_;
};

// A short text for messages: "an object", "17", "'text'".
std::string describe_json(const boost::json::value& value);

}  // namespace onebit
