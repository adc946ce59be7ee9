// Who may ask, decided from the head of a request alone, before it is looked at any further.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/api_keys.h"
#include "http/exchange.h"
#include "http/head.h"

namespace onebit::http {

struct GuardOptions {
  // Names that the server answers to, without a port, besides localhost, 127.0.0.1 and [::1]. A
  // page of a foreign site whose name was made to point here (DNS rebinding) is kept out by them.
  // "*": any.
  std::vector<std::string> hosts;
  // Origins of web pages that may ask, besides the server's own: "https://example.com". "*": any.
  std::vector<std::string> origins;
  ApiKeys keys;
};

class Guard {
 public:
  explicit Guard(GuardOptions options);

  struct Verdict {
    std::optional<Response> refusal;  // or a preflight's answer; none: pass
    std::string tenant;
    Headers cors;  // of the answer
  };

  // In this order: Host, Origin, preflight, key. `is_local`: it came by a unix socket, where names
  // mean nothing. `is_public`: no key is asked for.
  Verdict check(const Head& head, bool is_local, bool is_public) const;

 private:
  bool is_own_host(std::string_view host) const;

  GuardOptions options_;
};

}  // namespace onebit::http
