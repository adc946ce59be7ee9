// What the routes of a backend are made of.
#pragma once

#include <string>
#include <string_view>

namespace onebit {

// As encodeURIComponent writes a name into a path: "a/b" becomes "a%2Fb".
std::string percent_encoded(std::string_view text);

}  // namespace onebit
