#include "chat/request.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/error.h"

namespace onebit {
namespace {

using boost::json::value;

[[noreturn]] void fail(const std::string& where, std::string_view expected,
                       std::string_view found) {
  throw Error(ErrorCode::kInvalidArgument,
              where + ": expected " + std::string(expected) + ", found " + std::string(found));
}

const value& member(const boost::json::object& object, std::string_view key,
                    const std::string& where) {
  const value* const found = object.if_contains(key);
  if (!found) fail(where + "." + std::string(key), "a value", "none");
  return *found;
}

void check_object_list(const value& list, const std::string& where) {
  if (!list.is_array()) fail(where, "a list", kind_name(list));
  for (std::size_t i = 0; i < list.get_array().size(); ++i) {
    const value& item = list.get_array()[i];
    if (!item.is_object()) {
      fail(where + "[" + std::to_string(i) + "]", "an object", kind_name(item));
    }
  }
}

void check_parts(const value& content, const std::string& where) {
  check_object_list(content, where);
  for (std::size_t i = 0; i < content.get_array().size(); ++i) {
    const std::string part = where + "[" + std::to_string(i) + "]";
    const auto& object = content.get_array()[i].get_object();
    const value& type = member(object, "type", part);
    if (!type.is_string()) fail(part + ".type", "a string", kind_name(type));
    if (type.get_string() != "text") fail(part + ".type", "'text'", quote(type.get_string()));
    const value& text = member(object, "text", part);
    if (!text.is_string()) fail(part + ".text", "a string", kind_name(text));
  }
}

void check_message(const ChatMessage& message, const std::string& where) {
  const value& role = member(message, "role", where);
  if (!role.is_string()) fail(where + ".role", "a string", kind_name(role));
  if (role.get_string().empty()) fail(where + ".role", "a name", "''");
  const value* const calls = message.if_contains("tool_calls");
  const bool has_calls = calls && !calls->is_null();
  if (has_calls) check_object_list(*calls, where + ".tool_calls");
  const value* const content = message.if_contains("content");
  if (!content || content->is_null()) {
    const bool is_call = role == "assistant" && has_calls && !calls->get_array().empty();
    if (!is_call) fail(where + ".content", "a string", content ? "null" : "none");
    return;
  }
  if (content->is_string()) return;
  if (!content->is_array()) {
    fail(where + ".content", "a string or a list of parts", kind_name(*content));
  }
  check_parts(*content, where + ".content");
}

}  // namespace

std::string_view kind_name(const value& v) {
  switch (v.kind()) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "a boolean";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::array:
      return "a list";
    case boost::json::kind::object:
      return "an object";
    default:
      return "a number";
  }
}

ChatMessage make_message(std::string_view role, std::string_view content) {
  return {{"role", role}, {"content", content}};
}

std::string_view role_of(const ChatMessage& message) {
  return message.at("role").get_string();
}

std::vector<ChatMessage> parse_messages(const value& list) {
  check_object_list(list, "messages");
  std::vector<ChatMessage> messages;
  for (const value& item : list.get_array()) {
    check_message(item.get_object(), "messages[" + std::to_string(messages.size()) + "]");
    messages.push_back(item.get_object());
  }
  return messages;
}

ChatRequest parse_chat_request(const value& root) {
  if (!root.is_object()) fail("request", "an object", kind_name(root));
  ChatRequest request;
  request.messages = parse_messages(member(root.get_object(), "messages", "request"));
  for (const auto& [key, v] : root.get_object()) {
    if (key == "messages") continue;
    if (key == "tools") {
      if (!v.is_null()) check_object_list(v, "tools");
      request.tools = v;
    } else if (key == "add_generation_prompt") {
      if (!v.is_bool()) fail("add_generation_prompt", "a boolean", kind_name(v));
      request.add_generation_prompt = v.get_bool();
    } else if (key == "extra") {
      if (!v.is_object()) fail("extra", "an object", kind_name(v));
      request.extra = v.get_object();
    } else {
      fail("request", "messages, tools, add_generation_prompt or extra", quote(key));
    }
  }
  for (const char* name :
       {"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token"}) {
    if (request.extra.contains(name)) fail("extra", "other variables", quote(name));
  }
  return request;
}

std::string to_json(const std::vector<ChatMessage>& messages) {
  std::string text = "{\"messages\": [";
  const char* separator = "\n";
  for (const auto& message : messages) {
    text += separator + boost::json::serialize(message);
    separator = ",\n";
  }
  return text + "\n]}\n";
}

}  // namespace onebit
