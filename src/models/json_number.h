// Numbers of a JSON configuration, which may be written as integers.
#pragma once

#include <charconv>
#include <string>

#include "vocab/json_cursor.h"

namespace onebit {

// The shortest text that reads back as `value`, for messages.
inline std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// Throws Error(kInvalidFile) unless it is a number in low..high.
inline double number(const JsonCursor& field, double low, double high) {
  const boost::json::value& value = field.value();
  if (!value.is_number()) field.wrong_kind("a number");
  const auto found = value.to_number<double>();
  if (found >= low && found <= high) return found;
  field.fail(number_text(low) + ".." + number_text(high), number_text(found));
}

}  // namespace onebit
