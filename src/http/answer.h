// The text of answers: status lines, fields, and errors in OpenAI's shape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace onebit::http {

// {"error": {"message", "type", "param": null, "code"}}; the type is invalid_request_error below
// 500, server_error above.
Response error_response(int status, std::string_view message, std::string_view code = {});

// How an answer goes out, besides what it says.
struct Framing {
  bool is_http10 = false;
  bool keep_alive = true;
  bool is_head = false;                      // no body follows
  bool is_stream = false;                    // no length: chunked, or until the close in HTTP/1.0
  std::string_view content_security_policy;  // for text/html
  const Headers* cors = nullptr;
};

// Status line and fields up to the empty line. Fields of the response replace defaults of the same
// name; control characters in them become spaces.
std::string head_text(const Response& response, const Framing& framing);

}  // namespace onebit::http
