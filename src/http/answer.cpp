#include "http/answer.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace onebit::http {
namespace {

std::string_view reason(int status) {
  static constexpr std::pair<int, std::string_view> kReasons[] = {
      {200, "OK"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& [known, text] : kReasons) {
    if (known == status) return text;
  }
  return "Status";
}

std::string date() {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                utc.tm_min, utc.tm_sec);
  return text.data();
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  const auto append = [&](std::string_view text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      out += byte < ' ' || byte == 0x7f ? ' ' : c;
    }
  };
  append(name);
  out += ": ";
  append(value);
  out += "\r\n";
}

}  // namespace

Response error_response(int status, std::string_view message, std::string_view code) {
  const auto json = [](std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c >= ' ' && c < 0x7f ? c : '?';  // messages are ASCII
    }
    return quoted + '"';
  };
  Response response;
  response.status = status;
  response.body = "{\"error\":{\"message\":" + json(message) + ",\"type\":\"" +
                  (status < 500 ? "invalid_request_error" : "server_error") +
                  "\",\"param\":null,\"code\":" + (code.empty() ? "null" : json(code)) + "}}";
  return response;
}

std::string head_text(const Response& response, const Framing& framing) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  out += reason(response.status);
  out += "\r\n";
  const auto given = [&](std::string_view name) {
    return std::any_of(response.headers.begin(), response.headers.end(), [&](const auto& header) {
      return header.first.size() == name.size() &&
             strncasecmp(header.first.data(), name.data(), name.size()) == 0;
    });
  };
  const auto add_default = [&](std::string_view name, std::string_view value) {
    if (!given(name)) append_field(out, name, value);
  };
  add_default("Date", date());
  const bool is_empty = response.status == 204 || response.status == 304;
  if (!is_empty) {
    append_field(out, "Content-Type", response.content_type);
    if (!framing.is_stream) {
      append_field(out, "Content-Length", std::to_string(response.body.size()));
    } else if (!framing.is_http10) {
      append_field(out, "Transfer-Encoding", "chunked");
    }
  }
  add_default("X-Content-Type-Options", "nosniff");
  add_default("Referrer-Policy", "no-referrer");
  add_default("Cache-Control", "no-store");
  if (response.content_type.starts_with("text/html") && !framing.content_security_policy.empty()) {
    add_default("Content-Security-Policy", framing.content_security_policy);
  }
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (framing.cors) {
    for (const auto& [name, value] : *framing.cors) append_field(out, name, value);
  }
  if (!framing.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (framing.is_http10) {
    append_field(out, "Connection", "keep-alive");
  }
  return out += "\r\n";
}

}  // namespace onebit::http
