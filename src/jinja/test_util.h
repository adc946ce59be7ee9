// For tests: rendering to plain text.
#pragma once

#include <string>
#include <vector>

#include "jinja/template.h"

namespace onebit::jinja {

inline std::string text_of(const std::vector<Fragment>& fragments) {
  std::string text;
  for (const auto& fragment : fragments) text += fragment.text;
  return text;
}

// The output as text with the user's bytes between ⟦ and ⟧.
inline std::string marked_text_of(const std::vector<Fragment>& fragments) {
  std::string text;
  for (const auto& [piece, from_user] : fragments) {
    text += from_user ? "⟦" + piece + "⟧" : piece;
  }
  return text;
}

inline std::string render(const std::string& source, const Value& context = Value::dict({})) {
  return text_of(Template(source).render(context));
}

inline std::tm fixed_time() {  // 2025-06-15 12:34:56, as the golden files
  std::tm now{};
  now.tm_year = 125;
  now.tm_mon = 5;
  now.tm_mday = 15;
  now.tm_hour = 12;
  now.tm_min = 34;
  now.tm_sec = 56;
  return now;
}

}  // namespace onebit::jinja
