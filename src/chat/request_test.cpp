#include "chat/request.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "io/json_file.h"

namespace onebit {
namespace {

std::string error_of(const std::string& json) {
  try {
    parse_chat_request(parse_json(json, "json"));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "none";
}

std::string message_error(const std::string& message) {
  return error_of("{\"messages\": [{\"role\": \"user\", \"content\": \"\"}, " + message + "]}");
}

TEST(ChatRequest, Reads) {
  const auto request = parse_chat_request(parse_json(R"({
      "messages": [{"role": "user", "content": "a"},
                   {"role": "assistant", "content": null, "tool_calls": [{"x": 1}]},
                   {"role": "tool", "content": [{"type": "text", "text": "b"}], "name": "n"},
                   {"role": "assistant", "tool_calls": [{}]}],
      "tools": [{"type": "function"}], "add_generation_prompt": false,
      "extra": {"enable_thinking": false}})",
                                                     "json"));
  ASSERT_EQ(request.messages.size(), 4u);
  EXPECT_EQ(role_of(request.messages[2]), "tool");
  EXPECT_EQ(request.messages[2].at("name"), "n");
  EXPECT_EQ(request.tools.as_array().size(), 1u);
  EXPECT_FALSE(request.add_generation_prompt);
  EXPECT_EQ(request.extra.at("enable_thinking"), false);
}

TEST(ChatRequest, RefusesWithTheField) {
  EXPECT_EQ(error_of("[]"), "request: expected an object, found a list");
  EXPECT_EQ(error_of("{}"), "request.messages: expected a value, found none");
  EXPECT_EQ(error_of(R"({"messages": {}})"), "messages: expected a list, found an object");
  EXPECT_EQ(error_of(R"({"messages": [], "tool": 1})"),
            "request: expected messages, tools, add_generation_prompt or extra, found 'tool'");
  EXPECT_EQ(error_of(R"({"messages": [], "tools": [1]})"),
            "tools[0]: expected an object, found a number");
  EXPECT_EQ(error_of(R"({"messages": [], "add_generation_prompt": 1})"),
            "add_generation_prompt: expected a boolean, found a number");
  EXPECT_EQ(error_of(R"({"messages": [], "extra": {"messages": 1}})"),
            "extra: expected other variables, found 'messages'");
  EXPECT_EQ(message_error("1"), "messages[1]: expected an object, found a number");
  EXPECT_EQ(message_error("{}"), "messages[1].role: expected a value, found none");
  EXPECT_EQ(message_error(R"({"role": 1})"), "messages[1].role: expected a string, found a number");
  EXPECT_EQ(message_error(R"({"role": "", "content": ""})"),
            "messages[1].role: expected a name, found ''");
  EXPECT_EQ(message_error(R"({"role": "user"})"),
            "messages[1].content: expected a string, found none");
  EXPECT_EQ(message_error(R"({"role": "user", "content": null})"),
            "messages[1].content: expected a string, found null");
  EXPECT_EQ(message_error(R"({"role": "user", "content": null, "tool_calls": [{}]})"),
            "messages[1].content: expected a string, found null");
  EXPECT_EQ(message_error(R"({"role": "assistant", "content": null, "tool_calls": []})"),
            "messages[1].content: expected a string, found null");
  EXPECT_EQ(message_error(R"({"role": "user", "content": 1})"),
            "messages[1].content: expected a string or a list of parts, found a number");
  EXPECT_EQ(message_error(R"({"role": "user", "content": ["a"]})"),
            "messages[1].content[0]: expected an object, found a string");
  EXPECT_EQ(message_error(R"({"role": "user", "content": [{"type": "image\n"}]})"),
            "messages[1].content[0].type: expected 'text', found 'image\\x0a'");
  EXPECT_EQ(message_error(R"({"role": "user", "content": [{"type": "text", "text": 1}]})"),
            "messages[1].content[0].text: expected a string, found a number");
  EXPECT_EQ(message_error(R"({"role": "user", "content": "", "tool_calls": 1})"),
            "messages[1].tool_calls: expected a list, found a number");
}

TEST(ChatRequest, WhatIsWrittenIsRead) {
  std::vector<ChatMessage> messages = {make_message("system", "a\n\"b\"\\"),
                                       make_message("user", "\xe4\xb8\xad\x01")};
  const auto text = to_json(messages);
  EXPECT_EQ(parse_chat_request(parse_json(text, "json")).messages, messages);
  EXPECT_TRUE(parse_chat_request(parse_json(to_json({}), "json")).messages.empty());
}

}  // namespace
}  // namespace onebit
