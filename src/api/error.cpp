#include <new>

#include "api/endpoint.h"
#include "base/error.h"
#include "io/json_file.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

// The field that a message of ours begins with: "messages[2].role: expected ...".
std::optional<std::string> field_of(std::string_view message) {
  const std::string_view name = message.substr(0, message.find(": expected "));
  constexpr std::string_view kInNames =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]";
  if (name.size() == message.size() || name.empty()) return {};
  if (name.find_first_not_of(kInNames) != std::string_view::npos) return {};
  return std::string(name);
}

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

}  // namespace

std::string ApiError::json() const {
  return json_text({{"error",
                     {{"message", message},
                      {"type", type},
                      {"param", or_null(param)},
                      {"code", or_null(code)}}}});
}

json::object parse_body(std::string_view text) {
  json::value value;
  try {
    value = parse_json(text, "body");
  } catch (const Error& error) {
    ApiError refusal;
    refusal.message = error.what();
    throw refusal;
  }
  if (value.is_object()) return std::move(value.get_object());
  ApiError refusal;
  refusal.message = "body: expected a JSON object, found another value";
  throw refusal;
}

ApiError to_api_error(const std::exception& exception) {
  ApiError error;
  const auto* const ours = dynamic_cast<const Error*>(&exception);
  if (ours != nullptr && ours->code() == ErrorCode::kInvalidArgument) {
    error.message = ours->what();
    error.param = field_of(error.message);
    return error;
  }
  error.status = 500;
  error.type = "server_error";
  error.message = "the server failed";
  return error;
}

}  // namespace onebit::api
