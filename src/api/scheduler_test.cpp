// The endpoints on a real scheduler.
#include "engine/scheduler.h"

#include "api/api_testing.h"

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

}  // namespace
}  // namespace onebit::api
