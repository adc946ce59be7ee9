#include "chat/template_context.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "base/error.h"

namespace onebit {
namespace {

using jinja::Value;

// Templates write roles into special tokens ("<|user|>"), so these are not the user's text.
constexpr std::string_view kRoles[] = {"system", "developer", "user",    "assistant",
                                       "model",  "tool",      "function"};

Value joined_parts(const boost::json::array& parts) {
  std::string text;
  for (const auto& part : parts) {
    if (&part != parts.data()) text += '\n';
    text += part.at("text").get_string();
  }
  return Value::string(std::move(text), true);
}

Value to_jinja(const ChatMessage& message, bool join_parts) {
  std::vector<Value::Entry> entries;
  for (const auto& [key, value] : message) {
    Value v;
    if (key == "role" && std::ranges::count(kRoles, std::string_view(value.get_string())) > 0) {
      v = onebit::to_jinja(value, false);
    } else if (key == "content" && join_parts && value.is_array()) {
      v = joined_parts(value.get_array());
    } else {
      v = onebit::to_jinja(value, true);
    }
    entries.emplace_back(Value::string(key, true), std::move(v));
  }
  return Value::dict(std::move(entries));
}

}  // namespace

Value to_jinja(const boost::json::value& value, bool from_user) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return Value::null();
    case boost::json::kind::bool_:
      return Value::boolean(value.get_bool());
    case boost::json::kind::int64:
      return Value::integer(value.get_int64());
    case boost::json::kind::uint64:  // the parser takes what fits as int64
      throw Error(ErrorCode::kInvalidArgument, "request: expected integers below 2^63, found " +
                                                   std::to_string(value.get_uint64()));
    case boost::json::kind::double_:
      return Value::real(value.get_double());
    case boost::json::kind::string:
      return Value::string(std::string(value.get_string()), from_user);
    case boost::json::kind::array: {
      std::vector<Value> items;
      for (const auto& item : value.get_array()) items.push_back(to_jinja(item, from_user));
      return Value::list(std::move(items));
    }
    default: {
      std::vector<Value::Entry> entries;
      for (const auto& [key, item] : value.get_object()) {
        entries.emplace_back(Value::string(key, from_user), to_jinja(item, from_user));
      }
      return Value::dict(std::move(entries));
    }
  }
}

Value template_context(const ChatRequest& request, const ChatTemplate::Tokens& tokens,
                       bool join_parts) {
  std::vector<Value> messages;
  for (const auto& message : request.messages) messages.push_back(to_jinja(message, join_parts));
  std::vector<Value::Entry> entries;
  const auto put = [&](std::string_view name, Value value) {
    entries.emplace_back(Value::string(std::string(name)), std::move(value));
  };
  put("messages", Value::list(std::move(messages)));
  put("tools", to_jinja(request.tools, true));
  put("documents", Value::null());  // as transformers passes it
  put("add_generation_prompt", Value::boolean(request.add_generation_prompt));
  if (tokens.bos) put("bos_token", Value::string(*tokens.bos));
  if (tokens.eos) put("eos_token", Value::string(*tokens.eos));
  for (const auto& [name, value] : request.extra) put(name, to_jinja(value, true));
  return Value::dict(std::move(entries));
}

}  // namespace onebit
