#include "http/router.h"

#include <utility>

#include "base/error.h"

namespace onebit::http {

Router::Router(std::vector<Route> routes) {
  for (Route& route : routes) {
    auto& same_path = routes_[route.path];
    if (!route.path.starts_with('/') || find(same_path, route.method) != nullptr) {
      throw Error(ErrorCode::kInvalidArgument, "route " + quote(route.method) + " " +
                                                   quote(route.path) +
                                                   ": expected a new path that starts with '/'");
    }
    same_path.push_back(std::move(route));
  }
}

const std::vector<Route>& Router::routes(const std::string& path) const {
  static const std::vector<Route> kNone;
  const auto found = routes_.find(path);
  return found == routes_.end() ? kNone : found->second;
}

const Route* Router::find(const std::vector<Route>& routes, std::string_view method) {
  for (const Route& route : routes) {
    if (route.method == method || (route.method == "GET" && method == "HEAD")) return &route;
  }
  return nullptr;
}

std::string Router::allow(const std::vector<Route>& routes) {
  std::string methods;
  for (const Route& route : routes) {
    methods += route.method + (route.method == "GET" ? ", HEAD, " : ", ");
  }
  return methods + "OPTIONS";
}

}  // namespace onebit::http
