#include "http/guard.h"

#include <strings.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "http/answer.h"

namespace onebit::http {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// "name:80" -> "name"; "[::1]:80" -> "[::1]". None where the port is no number.
std::optional<std::string_view> without_port(std::string_view host) {
  const auto bracket = host.rfind(']');
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return host;
  }
  const auto port = host.substr(colon + 1);
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return host.substr(0, colon);
}

// RFC 6750: the scheme in any case, then the key.
std::string_view bearer_key(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

}  // namespace

Guard::Guard(GuardOptions options) : options_(std::move(options)) {
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) options_.hosts.push_back(name);
}

bool Guard::is_own_host(std::string_view host) const {
  const auto name = without_port(host);
  return name && !name->empty() &&
         std::any_of(options_.hosts.begin(), options_.hosts.end(), [&](const std::string& own) {
           return own == "*" || equal_ignoring_case(own, *name);
         });
}

Guard::Verdict Guard::check(const Head& head, bool is_local, bool is_public) const {
  Verdict verdict;
  if (!is_local && !is_own_host(head.host.value_or(""))) {
    verdict.refusal =
        error_response(403, head.host ? "the server has no name " + quote(*head.host) +
                                            ": its owner can add it to the allowed hosts"
                                      : "expected a field Host");
    return verdict;
  }
  if (head.origin) {
    const std::string& host = head.host.value_or("");
    const bool is_own = equal_ignoring_case(*head.origin, "http://" + host) ||
                        equal_ignoring_case(*head.origin, "https://" + host);
    const bool is_allowed =
        std::any_of(options_.origins.begin(), options_.origins.end(), [&](const auto& origin) {
          return origin == "*" || equal_ignoring_case(origin, *head.origin);
        });
    if (!is_own && !is_allowed) {
      verdict.refusal = error_response(403, "pages of " + quote(*head.origin) +
                                                " may not ask: the server's owner can add it to "
                                                "the allowed origins");
      return verdict;
    }
    if (is_allowed) {
      verdict.cors = {{"Access-Control-Allow-Origin", *head.origin}, {"Vary", "Origin"}};
      // A browser asks first, and without the key.
      if (head.method == "OPTIONS" && head.asks_for_method) {
        verdict.refusal = Response{204, "", "", {}};
        verdict.refusal->headers = {
            {"Access-Control-Allow-Methods", "GET, POST"},
            // A star stands for all but the first: OpenAI's client adds fields of its own.
            {"Access-Control-Allow-Headers", "authorization, content-type, *"},
            {"Access-Control-Max-Age", "600"}};
        return verdict;
      }
    }
  }
  if (!is_public && !options_.keys.empty()) {
    const auto tenant = options_.keys.tenant(bearer_key(head.authorization.value_or("")));
    if (!tenant) {
      verdict.refusal =
          error_response(401,
                         head.authorization ? "the API key is not one of this server's"
                                            : "expected an API key: Authorization: Bearer KEY",
                         "invalid_api_key");
      verdict.refusal->headers.emplace_back("WWW-Authenticate", "Bearer");
      return verdict;
    }
    verdict.tenant = *tenant;
  }
  return verdict;
}

}  // namespace onebit::http
