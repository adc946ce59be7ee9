// JSON as people like to read it.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace onebit::api {

// As boost::json::serialize, but 0.5 is "0.5" and not "5E-1". Numbers are finite.
std::string json_text(const boost::json::value& value);

// The shortest decimal that is read as this float, as a double: 0.1f is 0.1.
double shortest(float x);
// To 3 places behind the point: times and speeds.
double rounded(double x);

}  // namespace onebit::api
