// What the server reads of a request's head.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace onebit::http {

struct Head {
  std::string method;
  std::string target;  // "/path?query", or "*" of OPTIONS
  bool is_http10 = false;
  bool keep_alive = false;

  std::optional<std::string> host;
  std::optional<std::string> origin;
  std::optional<std::string> authorization;
  std::optional<std::string> expect;
  bool asks_for_method = false;  // Access-Control-Request-Method: a browser's preflight

  bool is_chunked = false;
  int64_t content_length = 0;  // 0 where none is given

  bool has_body() const { return is_chunked || content_length > 0; }
};

}  // namespace onebit::http
