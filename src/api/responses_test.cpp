// Shapes after OpenAI's API reference ("the response object", "streaming events").
#include "api/api_testing.h"

namespace onebit::api {
namespace {

const std::string kResponsesPath = "/v1/responses";

json::value message(const char* status, json::array content) {
  return {{"id", "msg_1"},
          {"type", "message"},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

json::object part(const std::string& text) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", json::array()},
          {"logprobs", json::array()}};
}

TEST(Responses, TheWholeAnswer) {
  TestService service;
  auto answer = answer_of(service, kResponsesPath,
                          R"({"input": "hi", "instructions": "Be kind.", "temperature": 0.5,
                              "max_output_tokens": 9, "metadata": {"k": "v"}, "store": true,
                              "parallel_tool_calls": false})",
                          "Hi")
                    ->answer();
  EXPECT_EQ(answer.as_object().erase("timings"), 1u);
  EXPECT_EQ(answer.as_object().erase("created_at"), 1u);
  const auto n = std::ssize(
      service.tokens("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
                     "<|im_start|>assistant\n"));
  const json::value expected = {{"id", "resp_2"},
                                {"object", "response"},
                                {"status", "completed"},
                                {"error", nullptr},
                                {"incomplete_details", nullptr},
                                {"model", "tiny"},
                                {"output", json::array{message("completed", {part("Hi")})}},
                                {"usage",
                                 {{"input_tokens", n},
                                  {"input_tokens_details", {{"cached_tokens", 2}}},
                                  {"output_tokens", 2},
                                  {"output_tokens_details", {{"reasoning_tokens", 0}}},
                                  {"total_tokens", n + 2}}},
                                {"instructions", "Be kind."},
                                {"max_output_tokens", 9},
                                {"metadata", {{"k", "v"}}},
                                {"parallel_tool_calls", false},
                                {"previous_response_id", nullptr},
                                {"store", false},
                                {"temperature", 0.5},
                                {"text", {{"format", {{"type", "text"}}}}},
                                {"tool_choice", "auto"},
                                {"tools", json::array()},
                                {"top_p", 0.95},
                                {"truncation", "disabled"}};
  EXPECT_EQ(answer, expected) << json::serialize(answer);
}

TEST(Responses, Incomplete) {
  TestService service;
  const auto answer =
      answer_of(service, kResponsesPath, R"({"input": "hi"})", "Hi", FinishReason::kLength)
          ->answer();
  EXPECT_EQ(answer.at("status"), "incomplete");
  EXPECT_EQ(answer.at("incomplete_details").at("reason"), "max_output_tokens");
  EXPECT_EQ(answer.at("output").at(0).at("status"), "incomplete");
}

TEST(Responses, TheStream) {
  TestService service;
  const auto sink = answer_of(service, kResponsesPath, R"({"input": "hi", "stream": true})", "Hi");
  EXPECT_TRUE(sink->has_ended);
  const auto data = sink->data();
  const std::vector<std::string> types = {
      "response.created",           "response.in_progress",
      "response.output_item.added", "response.content_part.added",
      "response.output_text.delta", "response.output_text.delta",
      "response.output_text.done",  "response.content_part.done",
      "response.output_item.done",  "response.completed"};
  ASSERT_EQ(data.size(), types.size()) << sink->events;
  for (std::size_t i = 0; i < data.size(); ++i) {
    EXPECT_EQ(data[i].at("type"), json::value(types[i]));
    EXPECT_EQ(data[i].at("sequence_number"), i);
    EXPECT_NE(sink->events.find("event: " + types[i] + "\ndata: "), std::string::npos);
  }
  EXPECT_EQ(data[0].at("response").at("status"), "in_progress");
  EXPECT_EQ(data[0].at("response").at("tool_choice"), "auto");
  EXPECT_EQ(data[0].at("response").at("output"), json::array());
  EXPECT_EQ(data[2].at("item"), message("in_progress", {}));
  EXPECT_EQ(data[3].at("part"), part(""));
  EXPECT_EQ(data[4].at("delta"), "H");
  EXPECT_EQ(data[4].at("item_id"), "msg_1");
  EXPECT_EQ(data[5].at("delta"), "i");
  EXPECT_EQ(data[6].at("text"), "Hi");
  EXPECT_EQ(data[7].at("part"), part("Hi"));
  EXPECT_EQ(data[8].at("item"), message("completed", {part("Hi")}));
  EXPECT_EQ(data[9].at("response").at("output").at(0), message("completed", {part("Hi")}));
  EXPECT_EQ(data[9].at("response").at("usage").at("output_tokens"), 2);
}

TEST(Responses, AFailureWithinAStream) {
  TestService service;
  const auto sink = answer_of(service, kResponsesPath, R"({"input": "hi", "stream": true})", "H",
                              FinishReason::kError);
  EXPECT_TRUE(sink->has_ended);
  EXPECT_EQ(sink->data().back().at("type"), "error");
  EXPECT_EQ(sink->data().back().at("message"), "the server failed");
  EXPECT_EQ(sink->data().back().at("error").at("type"), "server_error");
}

TEST(Responses, InputsAreChats) {
  TestService service;
  const auto prompt = [&](const std::string& path, const std::string& body) {
    return service.call(path, body, std::make_shared<TestSink>()).requests.at(0).prompt;
  };
  EXPECT_EQ(prompt(kResponsesPath, R"({"input": [{"role": "user", "content": "a"},
      {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
      {"role": "user", "content": [{"type": "input_text", "text": "c"}]}]})"),
            prompt("/v1/chat/completions", R"({"messages": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})"));
}

TEST(Responses, Refusals) {
  TestService service;
  const auto refusal = [&](const std::string& body) {
    return service.refusal(kResponsesPath, body);
  };
  EXPECT_EQ(refusal("{}"), "input: expected a string or a list of messages, found none");
  EXPECT_EQ(refusal(R"({"input": []})"),
            "input: expected a string or a list of messages, found a list of 0");
  EXPECT_EQ(refusal(R"({"input": [{"type": "function_call_output"}]})"),
            "input[0].type: expected 'message', found 'function_call_output'");
  EXPECT_EQ(refusal(R"({"input": [{"role": "user", "content": [{"type": "input_image"}]}]})"),
            "input[0].content[0].type: expected 'input_text' or 'output_text', found "
            "'input_image'");
  const auto metadata = [&](const std::string& key, const std::string& value) {
    return refusal(json::serialize(json::value{{"input", "x"}, {"metadata", {{key, value}}}}));
  };
  const auto repeated = [](std::string text, std::size_t n) {
    std::string all;
    while (n-- > 0) all += text;
    return all;
  };
  EXPECT_EQ(metadata(repeated("\xc3\xa9", 64), repeated("\xc3\xa9", 512)), "");
  EXPECT_EQ(metadata("k", std::string(513, 'x')),
            "metadata: expected strings of at most 512 characters, found 513");
  EXPECT_EQ(metadata(std::string(65, 'x'), ""),
            "metadata: expected names of at most 64 characters, found 65");
  EXPECT_EQ(refusal(R"({"input": "x", "metadata": {"k": 1}})"),
            "metadata: expected strings, found 1");
  EXPECT_EQ(refusal(R"({"input": "x", "previous_response_id": "resp_1"})"),
            "previous_response_id: expected nothing (not supported), found 'resp_1'");
  EXPECT_EQ(refusal(R"({"input": "x", "text": {"format": {"type": "json_schema"}}})"),
            "text.format.schema: expected a JSON schema, found none");
}

}  // namespace
}  // namespace onebit::api
