#include "api/chat_input.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "api/schema.h"
#include "base/error.h"
#include "io/json_file.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};

void read_calls(json::array& calls, const std::string& field) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const std::string at = field + "[" + std::to_string(i) + "].function";
    json::value* const function = calls[i].get_object().if_contains("function");
    if (function == nullptr || !function->is_object()) {
      refuse(at, "an object", function ? found_text(*function) : "none");
    }
    json::value* const name = function->get_object().if_contains("name");
    if (name == nullptr || !name->is_string()) {
      refuse(at + ".name", "a string", name ? found_text(*name) : "none");
    }
    json::value* const arguments = function->get_object().if_contains("arguments");
    if (arguments == nullptr || !arguments->is_string()) continue;
    try {
      json::value object = parse_json(arguments->get_string(), "arguments");
      if (object.is_object()) *arguments = std::move(object);
    } catch (const Error&) {  // a model wrote them: a template prints them as they are
    }
  }
}

}  // namespace

std::vector<ChatMessage> read_messages(const json::value& value) {
  std::vector<ChatMessage> messages = parse_messages(value);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string field = "messages[" + std::to_string(i) + "]";
    json::value& role = messages[i].at("role");
    if (std::ranges::count(kRoles, std::string_view(role.get_string())) == 0) {
      refuse(field + ".role", "system, developer, user, assistant or tool", found_text(role));
    }
    if (role == "developer") role = "system";
    json::value* const calls = messages[i].if_contains("tool_calls");
    if (calls && calls->is_array()) read_calls(calls->get_array(), field + ".tool_calls");
  }
  return messages;
}

std::tm local_time() {
  const std::time_t seconds = std::time(nullptr);
  std::tm now{};
  localtime_r(&seconds, &now);
  return now;
}

}  // namespace onebit::api
