// JSON as people like to read it.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace onebit {

// As boost::json::serialize, but 0.5 is "0.5" and not "5E-1". Numbers are finite. Recursion is as
// deep as the value: of others' at most kMaxJsonDepth.
std::string json_text(const boost::json::value& value);

}  // namespace onebit
