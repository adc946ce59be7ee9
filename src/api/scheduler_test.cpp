// The endpoints on a real scheduler.
#include "engine/scheduler.h"

#include "api/api_testing.h"
#include "engine/generate.h"

namespace onebit::api {
namespace {

std::shared_ptr<TestSink> run(TestService& service, const std::string& path,
                              const std::string& body) {
  Scheduler scheduler(service.engine, {.kv_bytes = int64_t{64} << 20});
  auto sink = std::make_shared<TestSink>();
  Call call = service.call(path, body, sink);
  for (auto& request : call.requests) EXPECT_TRUE(scheduler.submit(std::move(request)));
  while (scheduler.step()) {
  }
  return sink;
}

TEST(OnAScheduler, StreamedOrNotTheTextIsTheSame) {
  TestService service;
  for (const char* rest :
       {R"("seed": 1)", R"("seed": 2, "temperature": 0)", R"("seed": 3, "n": 2)"}) {
    const std::string body =
        R"({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 40, )" +
        std::string(rest);
    const auto whole = run(service, "/v1/chat/completions", body + "}")->answer();
    const auto data = run(service, "/v1/chat/completions", body + R"(, "stream": true})")->data();
    std::vector<std::string> texts(whole.at("choices").as_array().size());
    for (const auto& chunk : data) {
      if (!chunk.is_object()) continue;
      const auto& choice = chunk.at("choices").at(0);
      const auto* const content = choice.at("delta").as_object().if_contains("content");
      if (content) texts[choice.at("index").to_number<std::size_t>()] += content->as_string();
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(whole.at("choices").at(i).at("message").at("content"), json::value(texts[i]));
    }
    EXPECT_EQ(data.back(), "[DONE]");
    EXPECT_GT(whole.at("usage").at("completion_tokens").as_int64(), 0);
  }
}

TEST(OnAScheduler, CompletionsWithLogprobs) {
  TestService service;
  const auto answer = run(service, "/v1/completions",
                          R"({"prompt": "ab", "max_tokens": 8, "logprobs": 3, "seed": 1})")
                          ->answer();
  const auto& logprobs = answer.at("choices").at(0).at("logprobs");
  const auto n = answer.at("usage").at("completion_tokens").as_int64();
  EXPECT_EQ(std::ssize(logprobs.at("tokens").as_array()), n);
  for (const auto& v : logprobs.at("token_logprobs").as_array()) {
    EXPECT_LT(v.to_number<double>(), 0);
  }
}

// generate() holds texts to constraints as the scheduler does.
TEST(OnAModel, AnswersUnderASchemaAreValid) {
  TestService service("Qwen2.5-7B-Instruct");
  const std::string tool = R"({"type": "function", "function": {"name": "f", "parameters": {
      "type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}},
      "required": ["n"]}}})";
  const std::string schema = R"({"type": "json_schema", "json_schema": {"name": "x", "schema": {
      "type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"type": "boolean"}},
      "required": ["a", "b"]}}})";
  const auto run = [&](const std::string& fields, int seed) {
    auto sink = std::make_shared<TestSink>();
    const Call call = service.call(
        "/v1/chat/completions",
        R"({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 300, "seed": )" +
            std::to_string(seed) + ", " + fields + "}",
        sink);
    const onebit::Request& request = call.requests.at(0);
    Sequence sequence(service.engine);
    generate(
        sequence, request.prompt, *request.max_tokens, request.sampling,
        [&](int32_t token) { return request.on_token({token}); }, nullptr,
        request.constraint.get());
    request.on_finish({FinishReason::kStop, ""});
    return sink->answer().at("choices").at(0);
  };
  for (int seed = 0; seed < 10; ++seed) {
    const auto answer = run(R"("response_format": )" + schema, seed);
    const auto text = answer.at("message").at("content").as_string();
    const json::value value = json::parse(text);
    EXPECT_TRUE(value.at("a") == "x" || value.at("a") == "y") << text;
    EXPECT_TRUE(value.at("b").is_bool()) << text;

    const auto call =
        run(R"("tool_choice": "required", "tools": [)" + tool + "]", seed).at("message");
    ASSERT_EQ(call.at("tool_calls").as_array().size(), 1u) << call;
    const auto& function = call.at("tool_calls").at(0).at("function");
    EXPECT_EQ(function.at("name"), "f");
    EXPECT_GE(json::parse(function.at("arguments").as_string()).at("n").as_int64(), 0);
    EXPECT_TRUE(call.at("content").is_null());
  }
}

}  // namespace
}  // namespace onebit::api
