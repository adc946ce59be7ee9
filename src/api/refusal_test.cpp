// Every wrong value is refused with the field's name, and nothing else is.
#include "api/api_testing.h"
#include "api/schema.h"

namespace onebit::api {
namespace {

const std::string kChat = "/v1/chat/completions";

struct Case {
  std::string fields;
  std::string message;
};

std::string chat_body(const std::string& fields) {
  return R"({"messages": [{"role": "user", "content": "hi"}], )" + fields + "}";
}

std::string many_biases() {
  json::object biases;
  for (int i = 0; i <= 1024; ++i) biases[std::to_string(i)] = 1;
  return json::serialize(biases);
}

TEST(Refusals, NameTheField) {
  TestService service("Qwen2.5-7B-Instruct");
  const std::vector<Case> cases = {
      {R"("temperature": 3)", "temperature: expected a number in [0, 2], found 3"},
      {R"("temperature": -0.5)", "temperature: expected a number in [0, 2], found -0.5"},
      {R"("temperature": "1")", "temperature: expected a number in [0, 2], found '1'"},
      {R"("max_tokens": 0)", "max_tokens: expected an integer of at least 1, found 0"},
      {R"("max_tokens": 1.5)", "max_tokens: expected an integer of at least 1, found 1.5"},
      {R"("max_tokens": 5.0)", "max_tokens: expected an integer of at least 1, found 5.0"},
      {R"("max_tokens": 1152921504606846976)",
       "messages: expected at most 4096 tokens (the context) with those of the answer, found"},
      {R"("seed": 9223372036854775808)",
       "seed: expected an integer of 64 bits, found 9223372036854775808"},
      {R"("logit_bias": )" + many_biases(),
       "logit_bias: expected an object of at most 1024 members, found an object of 1025"},
      {R"("max_tokens": 5000)",
       "messages: expected at most 4096 tokens (the context) with those of the answer, found"},
      {R"("n": 9)", "n: expected an integer in [1, 8], found 9"},
      {R"("n": 18446744073709551615)", "n: expected an integer in [1, 8], found 1844674407370"},
      {R"("stream": 1)", "stream: expected a boolean, found 1"},
      {R"("stream_options": [])",
       "stream_options: expected an object of at most 16 members, "
       "found a list of 0"},
      {R"("stream_options": {"include_usage": "yes"})",
       "stream_options.include_usage: expected a boolean, found 'yes'"},
      {R"("stop": 5)", "stop: expected a string or a list of strings, found 5"},
      {R"("stop": ["a", null])", "stop[1]: expected a string, found null"},
      {R"("stop": "")", "stop: expected 1 to 256 bytes, found 0"},
      {R"("stop": [")" + std::string(257, 'x') + R"("])",
       "stop[0]: expected 1 to 256 bytes, found 257"},
      {R"("stop": ["1","1","1","1","1","1","1","1","1","1","1","1","1","1","1","1","1"])",
       "stop: expected at most 16 strings, found 17"},
      {R"("logit_bias": {"x": 1})", "logit_bias: expected token ids in [0, 275], found 'x'"},
      {R"("logit_bias": {"07": 1})", "logit_bias: expected token ids in [0, 275], found '07'"},
      {R"("logit_bias": {"-1": 1})", "logit_bias: expected token ids in [0, 275], found '-1'"},
      {R"("logit_bias": {"276": 1})", "logit_bias: expected token ids in [0, 275], found '276'"},
      {R"("logit_bias": {"7": 101})", "logit_bias.7: expected a number in [-100, 100], found 101"},
      {R"("top_logprobs": 2)", "top_logprobs: expected logprobs true beside it, found none"},
      {R"("logprobs": true, "top_logprobs": 21)",
       "top_logprobs: expected an integer in [0, 20], found 21"},
      {R"("response_format": {"type": "xml"})",
       "response_format.type: expected 'text', 'json_object' or 'json_schema', found 'xml'"},
      {R"("response_format": {})",
       "response_format.type: expected 'text', 'json_object' or 'json_schema', found none"},
      {R"("response_format": {"type": "json_schema"})",
       "response_format.json_schema.schema: expected a JSON schema, found none"},
      {R"("response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}})",
       "response_format.json_schema.schema: #: expected only supported keywords, found 'not'"},
      {R"("grammar": "root ::= (")", "grammar: line 1"},
      {R"("grammar": "root ::= \"a\"", "response_format": {"type": "json_object"})",
       "grammar: expected no response_format beside it, found both"},
      {R"("tools": [{"type": "web"}])", "tools[0].type: expected 'function', found 'web'"},
      {R"("tools": [{"type": "function", "function": {"name": "a b"}}])",
       "tools[0].function.name: expected 1 to 64 letters, digits, '_', '-' and '.', found 'a b'"},
      {R"("tools": [{"type": "function", "function": {"name": "f", "parameters": 1}}])",
       "tools[0].function.parameters: expected an object, found 1"},
      {R"("tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}])",
       "tools[0].function.parameters.type: expected 'object', found 'array'"},
      {R"("tools": [{"type": "function", "function": {"name": "f"}},
                    {"type": "function", "function": {"name": "f"}}])",
       "tools[1].function.name: expected a new name, found 'f'"},
      {R"("tools": [{"type": "function", "function": {"name": "f", "parameters":
          {"type": "object", "not": 1}}}], "tool_choice": "required")",
       "tools: #/properties/arguments: expected only supported keywords, found 'not'"},
      {R"("tool_choice": "required")", "tool_choice: expected tools beside it, found none"},
      {R"("tool_choice": "maybe")",
       "tool_choice: expected 'none', 'auto', 'required' or an object, found 'maybe'"},
      {R"("tools": [{"type": "function", "function": {"name": "f"}}],
          "tool_choice": {"type": "function", "function": {"name": "g"}})",
       "tool_choice.function.name: expected one of the tools, found 'g'"},
      {R"("modalities": ["text", "audio"])",
       "modalities: expected [\"text\"] (others are not supported), found a list of 2"},
  };
  for (const auto& [fields, message] : cases) {
    const std::string found = service.refusal(kChat, chat_body(fields));
    EXPECT_EQ(found.substr(0, message.size()), message) << found;
    EXPECT_EQ(service.param, message.substr(0, message.find(':')));
  }
}

TEST(Refusals, OfMessages) {
  TestService service;
  const std::vector<Case> cases = {
      {R"({})", "messages: expected a list of at least 1 items, found none"},
      {R"({"messages": []})", "messages: expected a list of at least 1 items, found a list of 0"},
      {R"({"messages": [{"role": "boss", "content": "x"}]})",
       "messages[0].role: expected system, developer, user, assistant or tool, found 'boss'"},
      {R"({"messages": [{"role": "user"}]})", "messages[0].content: expected a string, found none"},
      {R"({"messages": [{"role": "user", "content": null}]})",
       "messages[0].content: expected a string, found null"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]})",
       "messages[0].content[0].type: expected 'text', found 'image_url'"},
      {R"({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]})",
       "messages[0].content[0].type: expected 'text', found 'input_audio'"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{"function": 1}]}]})",
       "messages[0].tool_calls[0].function: expected an object, found 1"},
  };
  for (const auto& [body, message] : cases) {
    EXPECT_EQ(service.refusal(kChat, body), message);
    EXPECT_EQ(service.param, message.substr(0, message.find(':')));
  }
  const std::string words(20000, 'x');
  EXPECT_TRUE(
      service.refusal(kChat, R"({"messages": [{"role": "user", "content": ")" + words + "\"}]}")
          .starts_with("messages: expected fewer than 4096 tokens (the context), found"));
}

// Whatever is in the tables as unsupported is refused at each endpoint, but for null and the values
// that ask for nothing.
TEST(Refusals, AllUnsupportedFields) {
  TestService service;
  int n = 0;
  for (const Schema& schema : schemas()) {
    const std::string path(schema.path);
    std::string good = R"({"input": "x", "prompt": "x", "content": "x", "tokens": [],
        "pooling": "mean", "messages": [{"role": "user", "content": "x"}])";
    if (path == "/v1/responses") good = R"({"input": "x")";
    EXPECT_EQ(service.refusal(path, good + "}"), "") << path;
    for (const Field& field : schema.fields) {
      if (field.type != FieldType::kOnly) continue;
      std::string name(field.name);
      const bool is_inner = name == "text.verbosity";
      const auto with = [&](const std::string& value) {
        const std::string member =
            is_inner ? R"("text": {"verbosity": )" + value + "}" : "\"" + name + "\": " + value;
        return good + ", " + member + "}";
      };
      EXPECT_TRUE(service.refusal(path, with("{\"a\": 1}")).starts_with(name + ": expected "))
          << path;
      EXPECT_EQ(service.param, name);
      EXPECT_EQ(service.refusal(path, with("null")), "");
      std::string_view values = field.values;
      while (!values.empty()) {
        const std::string value(values.substr(0, values.find('|')));
        EXPECT_EQ(service.refusal(path, with(value)), "") << name;
        values.remove_prefix(std::min(values.size(), value.size() + 1));
      }
      ++n;
    }
  }
  EXPECT_GT(n, 20);
}

TEST(Refusals, NullMembersAskForNothing) {
  TestService service;
  EXPECT_EQ(service.refusal("/v1/responses", R"({"input": "x", "reasoning": {"effort": null}})"),
            "");
  EXPECT_TRUE(service.refusal("/v1/responses", R"({"input": "x", "reasoning": {"effort": "low"}})")
                  .starts_with("reasoning: expected {} (others are not supported), found"));
}

// Each field of each table with a value of each kind: accepted or refused with its name.
TEST(Refusals, WrongTypesNeverPassAndNeverBreak) {
  TestService service;
  const std::vector<std::string> values = {"true", "-1", "1e300", "\"x\"",        "[]",
                                           "[{}]", "{}", "0.25",  "{\"type\": 1}"};
  for (const Schema& schema : schemas()) {
    for (const auto fields : {schema.fields, schema.shared}) {
      for (const Field& field : fields) {
        if (field.name.find('.') != std::string_view::npos) continue;
        for (const std::string& value : values) {
          json::object body = json::parse(R"({"input": "x", "content": "x", "tokens": [],
              "pooling": "mean", "messages": [{"role": "user", "content": "x"}]})")
                                  .as_object();
          if (schema.path != "/v1/responses") body["prompt"] = "x";
          body[field.name] = json::parse(value);
          const std::string message =
              service.refusal(std::string(schema.path), json::serialize(body));
          EXPECT_TRUE(message.empty() || message.starts_with(field.name)) << message;
          EXPECT_EQ(message.find('\n'), std::string::npos);
        }
      }
    }
  }
}

TEST(Refusals, OfBodies) {
  const auto message = [](const std::string& text) {
    try {
      parse_body(text);
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status, 400);
      return error.message;
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message("{}"), "accepted");
  EXPECT_EQ(message("[]"), "body: expected a JSON object, found another value");
  EXPECT_TRUE(message("").starts_with("body: line 1"));
  EXPECT_NE(message("{\"a\": 1, \"a\": 2}").find("expected a new key, found a duplicate"),
            std::string::npos);
  EXPECT_TRUE(message("{\"a\": 1e999}").starts_with("body: line 1"));
  EXPECT_TRUE(message("{\"a\": \"\xff\"}").starts_with("body: line 1"));
  EXPECT_TRUE(message("{\"a\": \"\\ud800\"}").starts_with("body: line 1"));
  EXPECT_TRUE(message("{\"a\":" + std::string(100, '[')).starts_with("body: line 1"));
}

TEST(Refusals, AreOpenAIsJson) {
  ApiError error;
  error.message = "n: expected an integer in [1, 8], found \"9\"";
  error.param = "n";
  EXPECT_EQ(error.json(), R"({"error":{"message":"n: expected an integer in [1, 8], found \"9\"",)"
                          R"("type":"invalid_request_error","param":"n","code":null}})");
}

TEST(Refusals, WhatTheSchedulerThrows) {
  const ApiError wrong = to_api_error(Error(ErrorCode::kInvalidArgument, "prompt: expected a, b"));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.param, "prompt");
  EXPECT_FALSE(to_api_error(Error(ErrorCode::kInvalidArgument, "template line 3: x")).param);
  const ApiError inside = to_api_error(Error(ErrorCode::kIo, "/secret/path: gone"));
  EXPECT_EQ(inside.status, 500);
  EXPECT_EQ(inside.json().find("secret"), std::string::npos);
  EXPECT_EQ(to_api_error(std::bad_alloc()).status, 500);
}

}  // namespace
}  // namespace onebit::api
