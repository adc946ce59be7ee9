// Which handler a path and a method have.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/exchange.h"

namespace onebit::http {

class Router {
 public:
  // Throws Error(kInvalidArgument) for a path without a slash in front, or a route given twice.
  explicit Router(std::vector<Route> routes);

  // The routes of a path, one for each method; empty: there is none.
  const std::vector<Route>& routes(const std::string& path) const;
  // The one for a method, or null. A GET route answers HEAD too.
  static const Route* find(const std::vector<Route>& routes, std::string_view method);
  // "GET, HEAD, OPTIONS": what the field Allow says.
  static std::string allow(const std::vector<Route>& routes);

 private:
  std::unordered_map<std::string, std::vector<Route>> routes_;
};

}  // namespace onebit::http
