#include "io/json_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

namespace onebit {
namespace {

namespace json = boost::json;

void append(const json::value& value, std::string& out) {
  if (value.is_double()) {
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof text, value.get_double()).ptr);
  } else if (value.is_array()) {
    const char* separator = "[";
    for (const json::value& item : value.get_array()) {
      out += separator;
      append(item, out);
      separator = ",";
    }
    out += value.get_array().empty() ? "[]" : "]";
  } else if (value.is_object()) {
    const char* separator = "{";
    for (const auto& [key, item] : value.get_object()) {
      out += separator + json::serialize(key) + ":";
      append(item, out);
      separator = ",";
    }
    out += value.get_object().empty() ? "{}" : "}";
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string out;
  append(value, out);
  return out;
}

}  // namespace onebit
