// A JSON value that knows its file and how it was reached, so that every wrong kind is one line:
// "tokenizer.json: model.vocab: expected an object, found an array".
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace onebit {

// A view: the value must outlive it. Every accessor throws Error(kInvalidFile) for another kind.
class JsonCursor {
 public:
  JsonCursor(const boost::json::value& value, std::string file, std::string path = "")
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  const boost::json::value& value() const { return *value_; }
  const std::string& file() const { return file_; }
  const std::string& path() const { return path_; }  // "model.vocab", "[3].id", "" for the root

  const boost::json::object& object() const;
  const boost::json::array& array() const;
  std::string string() const;
  bool boolean() const;
  int64_t integer(int64_t low, int64_t high) const;

  // A member of an object. Absent or null: nullopt, or an error from at().
  std::optional<JsonCursor> find(std::string_view key) const;
  JsonCursor at(std::string_view key) const;
  JsonCursor element(std::size_t index) const;  // of an array, in range

  std::string string_or(std::string_view key, std::string_view fallback) const;
  bool bool_or(std::string_view key, bool fallback) const;

  [[noreturn]] void fail(std::string_view expected, std::string_view found,
                         ErrorCode code = ErrorCode::kInvalidFile) const;
  // The same with what this value is as "found".
  [[noreturn]] void wrong_kind(std::string_view expected) const;

 private:
  const boost::json::value* value_;
  std::string file_;
  std::string path_;
};

// "'text'", "17", "an object": a value for a message.
std::string describe(const boost::json::value& value);

}  // namespace onebit
