// What a chat is made of, as JSON says it: the messages of OpenAI's chat completions and of Hugging
// Face's apply_chat_template.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onebit {

// Checked by parse_messages: "role" is a string that is not empty; "content" a string or a list of
// {"type": "text", "text": string}; "tool_calls", if there, a list of objects. Only an assistant
// with calls may have no content, or null. Other keys are the template's business.
using ChatMessage = boost::json::object;

ChatMessage make_message(std::string_view role, std::string_view content);
std::string_view role_of(const ChatMessage& message);

struct ChatRequest {
  std::vector<ChatMessage> messages;
  boost::json::value tools;           // null, or a list of objects
  bool add_generation_prompt = true;  // end with what begins the answer
  boost::json::object extra;          // further variables of the template
};

// Throws Error(kInvalidArgument) "messages[2].role: expected ..., found ...".
std::vector<ChatMessage> parse_messages(const boost::json::value& value);

// An object with "messages" and, if wanted, the other members of ChatRequest by name; unknown keys
// are refused. `extra` may not name a variable that has a key of its own. Throws as above.
ChatRequest parse_chat_request(const boost::json::value& value);

// {"messages": [...]}, one message a line: what parse_chat_request reads. Strings are valid UTF-8.
std::string to_json(const std::vector<ChatMessage>& messages);

// "a string", "a list", ...: for messages.
std::string_view kind_name(const boost::json::value& value);

}  // namespace onebit
