// Shapes after OpenAI's API reference (chat completions, "the chat completion object" and "the chat
// completion chunk object").
#include "api/api_testing.h"

namespace onebit::api {
namespace {

const std::string kChatPath = "/v1/chat/completions";
const std::string kHello = R"({"messages": [{"role": "user", "content": "hi"}])";

// What differs from run to run is not compared.
json::value without_times(json::value answer) {
  answer.get_object().erase("created");
  answer.get_object().erase("timings");
  return answer;
}

TEST(Chat, TheWholeAnswer) {
  TestService service;
  const auto sink = answer_of(service, kChatPath, kHello + "}", "Hello!");
  EXPECT_EQ(sink->status, 200);
  const json::value answer = sink->answer();
  const auto n =
      std::ssize(service.tokens("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"));
  const json::value expected = {
      {"id", "chatcmpl-1"},
      {"object", "chat.completion"},
      {"model", "tiny"},
      {"system_fingerprint", "onebit"},
      {"choices",
       json::array{
           {{"index", 0},
            {"message", {{"role", "assistant"}, {"content", "Hello!"}, {"refusal", nullptr}}},
            {"logprobs", nullptr},
            {"finish_reason", "stop"}}}},
      {"usage",
       {{"prompt_tokens", n},
        {"completion_tokens", 6},
        {"total_tokens", n + 6},
        {"prompt_tokens_details", {{"cached_tokens", 2}}}}}};
  EXPECT_EQ(without_times(answer), expected) << sink->body;
  EXPECT_GT(answer.at("created").as_int64(), 1700000000);
  const json::value timings = {{"prompt_n", n - 2},
                               {"cached_n", 2},
                               {"prompt_ms", 10.0},
                               {"prompt_per_second", (static_cast<double>(n) - 2) / 0.01},
                               {"predicted_n", 6},
                               {"predicted_ms", 500.0},
                               {"predicted_per_second", 10.0},
                               {"queue_ms", 1.0}};
  EXPECT_EQ(answer.at("timings").as_object().size(), timings.as_object().size());
  for (const auto& [key, value] : timings.as_object()) {
    EXPECT_NEAR(answer.at("timings").at(key).to_number<double>(), value.to_number<double>(), 1e-3)
        << key;
  }
}

TEST(Chat, TheStream) {
  TestService service;
  const auto sink =
      answer_of(service, kChatPath,
                kHello + R"(, "stream": true, "stream_options": {"include_usage": true}})", "Hi");
  EXPECT_TRUE(sink->has_ended);
  const auto data = sink->data();
  ASSERT_EQ(data.size(), 6u) << sink->events;
  const auto chunk = [](json::array choices, json::value usage) {
    return json::value{{"id", "chatcmpl-1"},
                       {"object", "chat.completion.chunk"},
                       {"model", "tiny"},
                       {"system_fingerprint", "onebit"},
                       {"choices", std::move(choices)},
                       {"usage", std::move(usage)}};
  };
  const auto choice = [](json::value delta, json::value reason) {
    return json::array{{{"index", 0},
                        {"delta", std::move(delta)},
                        {"logprobs", nullptr},
                        {"finish_reason", std::move(reason)}}};
  };
  const json::value role = {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}};
  EXPECT_EQ(without_times(data[0]), chunk(choice(role, nullptr), nullptr));
  EXPECT_EQ(without_times(data[1]), chunk(choice({{"content", "H"}}, nullptr), nullptr));
  EXPECT_EQ(without_times(data[2]), chunk(choice({{"content", "i"}}, nullptr), nullptr));
  EXPECT_EQ(without_times(data[3]), chunk(choice(json::object(), "stop"), nullptr));
  EXPECT_EQ(data[4].at("choices"), json::array());
  EXPECT_EQ(data[4].at("usage").at("completion_tokens"), 2);
  EXPECT_TRUE(data[4].as_object().contains("timings"));
  EXPECT_EQ(data[5], "[DONE]");
  EXPECT_TRUE(sink->events.ends_with("data: [DONE]\n\n"));
}

TEST(Chat, WithoutUsageTheLastChunkHasTheTimings) {
  TestService service;
  const auto data = answer_of(service, kChatPath, kHello + R"(, "stream": true})", "Hi")->data();
  ASSERT_EQ(data.size(), 5u);
  EXPECT_FALSE(data[0].as_object().contains("usage"));
  EXPECT_FALSE(data[2].as_object().contains("timings"));
  EXPECT_EQ(data[3].at("choices").at(0).at("finish_reason"), "stop");
  EXPECT_EQ(data[3].at("timings").at("predicted_n"), 2);
}

TEST(Chat, SeveralAnswersAndTheirSeeds) {
  TestService service;
  auto sink = std::make_shared<TestSink>();
  const std::string body = kHello + R"(, "n": 3, "seed": 5, "max_tokens": 9})";
  const Call call = service.call(kChatPath, body, sink);
  ASSERT_EQ(call.requests.size(), 3u);
  EXPECT_EQ(call.requests[0].sampling.seed, 5u);
  EXPECT_NE(call.requests[1].sampling.seed, call.requests[2].sampling.seed);
  const Call again = service.call(kChatPath, body, std::make_shared<TestSink>());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(call.requests[i].sampling.seed, again.requests[i].sampling.seed);
    EXPECT_EQ(call.requests[i].prompt, call.requests[0].prompt);
    EXPECT_EQ(call.requests[i].max_tokens, 9);
    EXPECT_EQ(call.requests[i].tenant, "tenant");
  }
  write_text(service, call.requests[1], "b", FinishReason::kLength);
  write_text(service, call.requests[2], "cc");
  EXPECT_EQ(sink->status, 0);
  write_text(service, call.requests[0], "", FinishReason::kContextFull);
  const json::value answer = sink->answer();
  EXPECT_EQ(answer.at("choices").at(0).at("message").at("content"), "");
  EXPECT_EQ(answer.at("choices").at(1).at("message").at("content"), "b");
  EXPECT_EQ(answer.at("choices").at(2).at("index"), 2);
  EXPECT_EQ(answer.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(answer.at("choices").at(1).at("finish_reason"), "length");
  EXPECT_EQ(answer.at("choices").at(2).at("finish_reason"), "stop");
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 3);
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), std::ssize(call.requests[0].prompt));
}

TEST(Chat, SeedsAreAnyIntegers) {
  TestService service;
  const auto seed = [&](const char* text) {
    return service
        .call(kChatPath, kHello + R"(, "seed": )" + text + "}", std::make_shared<TestSink>())
        .requests[0]
        .sampling.seed;
  };
  EXPECT_EQ(seed("1152921504606846977"), (uint64_t{1} << 60) + 1);
  EXPECT_EQ(seed("-9223372036854775808"), uint64_t{1} << 63);
}

TEST(Chat, TheSpeedLeavesOutAllFirstTokens) {
  TestService service;
  const auto answer = answer_of(service, kChatPath, kHello + R"(, "n": 3})", "Hello!")->answer();
  EXPECT_EQ(answer.at("timings").at("predicted_n"), 18);
  EXPECT_EQ(answer.at("timings").at("predicted_per_second").to_number<double>(), 15 / 0.5);
}

// Without max_tokens as with the largest that is allowed.
TEST(Chat, TheAnswerEndsWithTheContext) {
  TestService service;
  const auto request = [&](const std::string& rest) {
    return service.call(kChatPath, kHello + rest, std::make_shared<TestSink>()).requests.at(0);
  };
  const onebit::Request open = request("}");
  const int64_t most = 4096 - std::ssize(open.prompt);
  EXPECT_EQ(open.max_tokens, most);
  EXPECT_EQ(request(R"(, "max_tokens": )" + std::to_string(most) + "}").max_tokens, most);
  EXPECT_NE(
      service.refusal(kChatPath, kHello + R"(, "max_tokens": )" + std::to_string(most + 1) + "}"),
      "");
}

TEST(Chat, RandomSeedsDiffer) {
  TestService service;
  const auto seed = [&] {
    return service.call(kChatPath, kHello + "}", std::make_shared<TestSink>())
        .requests[0]
        .sampling.seed;
  };
  EXPECT_NE(seed(), seed());
}

TEST(Chat, SamplingFieldsReachTheRequest) {
  TestService service;
  const Call call = service.call(
      kChatPath, kHello + R"(, "temperature": 0.5, "top_p": 0.9, "top_k": 7, "min_p": 0.1,
      "repetition_penalty": 1.25, "presence_penalty": -1, "frequency_penalty": 2,
      "logit_bias": {"3": -100, "10": 1.5}, "max_tokens": 3, "max_completion_tokens": 4,
      "user": "x", "metadata": {"a": "b"}, "unknown": [1]})",
      std::make_shared<TestSink>());
  const onebit::Request& request = call.requests.at(0);
  EXPECT_FLOAT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(request.sampling.top_p, 0.9f);
  EXPECT_EQ(request.sampling.top_k, 7);
  EXPECT_FLOAT_EQ(request.sampling.min_p, 0.1f);
  EXPECT_FLOAT_EQ(request.sampling.repetition_penalty, 1.25f);
  EXPECT_FLOAT_EQ(request.sampling.presence_penalty, -1);
  EXPECT_FLOAT_EQ(request.sampling.frequency_penalty, 2);
  const std::vector<std::pair<int32_t, float>> bias = {{3, -100.0f}, {10, 1.5f}};
  EXPECT_EQ(request.sampling.logit_bias, bias);
  EXPECT_EQ(request.max_tokens, 4);
  EXPECT_EQ(request.top_logprobs, -1);
  EXPECT_EQ(request.constraint, nullptr);
}

// The table's defaults are the engine's.
TEST(Chat, DefaultsAreThoseOfTheSampler) {
  TestService service;
  const Call call =
      service.call(kChatPath, kHello + R"(, "top_p": null})", std::make_shared<TestSink>());
  const SamplerOptions& sampling = call.requests.at(0).sampling;
  const SamplerOptions own;
  EXPECT_EQ(sampling.temperature, own.temperature);
  EXPECT_EQ(sampling.top_k, own.top_k);
  EXPECT_EQ(sampling.top_p, own.top_p);
  EXPECT_EQ(sampling.min_p, own.min_p);
  EXPECT_EQ(sampling.repetition_penalty, own.repetition_penalty);
  EXPECT_EQ(sampling.presence_penalty, own.presence_penalty);
}

TEST(Chat, EveryAcceptedValueIsOneTheSamplerTakes) {
  TestService service;
  for (const char* fields :
       {R"("top_p": 0)", R"("min_p": 1)", R"("temperature": 0)", R"("temperature": 2)",
        R"("top_k": 0)", R"("top_p": 1e-320)", R"("repetition_penalty": 0.01)", R"("seed": -9)"}) {
    const Call call =
        service.call(kChatPath, kHello + ", " + fields + "}", std::make_shared<TestSink>());
    EXPECT_NO_THROW(check_sampler_options(call.requests.at(0).sampling)) << fields;
  }
}

TEST(Chat, StopStrings) {
  TestService service;
  const auto answer =
      answer_of(service, kChatPath, kHello + R"(, "stop": ["zz", "lo"], "max_tokens": 50})",
                "Hello there", FinishReason::kLength)
          ->answer();
  EXPECT_EQ(answer.at("choices").at(0).at("message").at("content"), "Hel");
  EXPECT_EQ(answer.at("choices").at(0).at("finish_reason"), "stop");
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 5);
}

TEST(Chat, Logprobs) {
  TestService service;
  const std::string fields = kHello + R"(, "logprobs": true, "top_logprobs": 2)";
  const json::value first = {
      {"token", "H"},
      {"logprob", -0.25},
      {"bytes", {72}},
      {"top_logprobs", json::array{{{"token", "H"}, {"logprob", -0.25}, {"bytes", {72}}},
                                   {{"token", "!"}, {"logprob", -2.5}, {"bytes", {33}}}}}};
  const auto answer = answer_of(service, kChatPath, fields + "}", "Hi")->answer();
  const auto& logprobs = answer.at("choices").at(0).at("logprobs");
  EXPECT_EQ(logprobs.at("content").as_array().size(), 2u);
  EXPECT_EQ(logprobs.at("content").at(0), first);
  EXPECT_TRUE(logprobs.at("refusal").is_null());

  const auto data = answer_of(service, kChatPath, fields + R"(, "stream": true})", "Hi")->data();
  ASSERT_EQ(data.size(), 5u);
  EXPECT_TRUE(data[0].at("choices").at(0).at("logprobs").is_null());
  EXPECT_EQ(data[1].at("choices").at(0).at("logprobs").at("content").at(0), first);
  EXPECT_TRUE(data[3].at("choices").at(0).at("logprobs").is_null());
}

TEST(Chat, HalfACharacterIsOneTokenOfBytes) {
  TestService service;
  const auto answer =
      answer_of(service, kChatPath, kHello + R"(, "logprobs": true})", "\xc3\xa9")->answer();
  const auto& content = answer.at("choices").at(0).at("logprobs").at("content");
  EXPECT_EQ(content.at(0).at("token"), "\xef\xbf\xbd");
  EXPECT_EQ(content.at(0).at("bytes"), json::array{0xc3});
  EXPECT_EQ(content.at(1).at("bytes"), json::array{0xa9});
  EXPECT_EQ(content.at(1).at("top_logprobs"), json::array());
  EXPECT_EQ(answer.at("choices").at(0).at("message").at("content"), "\xc3\xa9");
}

TEST(Chat, FailuresBeforeAndWithinAStream) {
  TestService service;
  const auto whole = answer_of(service, kChatPath, kHello + "}", "Hi", FinishReason::kError);
  EXPECT_EQ(whole->status, 500);
  EXPECT_EQ(whole->answer().at("error").at("type"), "server_error");
  EXPECT_EQ(whole->body.find("inside"), std::string::npos);
  const auto before =
      answer_of(service, kChatPath, kHello + R"(, "stream": true})", "", FinishReason::kCancelled);
  EXPECT_EQ(before->status, 503);
  EXPECT_FALSE(before->has_begun);
  const auto within =
      answer_of(service, kChatPath, kHello + R"(, "stream": true})", "Hi", FinishReason::kError);
  EXPECT_TRUE(within->has_ended);
  EXPECT_EQ(within->data().back().at("error").at("message"), "the server failed");
}

TEST(Chat, OneFailureEndsAllAnswers) {
  TestService service;
  auto sink = std::make_shared<TestSink>();
  const Call call = service.call(kChatPath, kHello + R"(, "n": 2})", sink);
  write_text(service, call.requests[0], "a", FinishReason::kError);
  EXPECT_FALSE(call.requests[1].on_token({'x'}));
  call.requests[1].on_finish({FinishReason::kStop, ""});
  EXPECT_EQ(sink->status, 500);
}

TEST(Chat, WritesNoMoreWhenNobodyReads) {
  TestService service;
  auto sink = std::make_shared<TestSink>();
  const Call call = service.call(kChatPath, kHello + R"(, "stream": true})", sink);
  EXPECT_TRUE(call.requests[0].on_token({'x'}));
  sink->is_gone = true;
  EXPECT_FALSE(call.requests[0].on_token({'x'}));
  const std::string events = sink->events;
  EXPECT_FALSE(call.requests[0].on_token({'x'}));
  call.requests[0].on_finish({FinishReason::kStop, ""});
  EXPECT_EQ(sink->events, events);
}

TEST(Chat, DevelopersAreSystems) {
  TestService service;
  const auto prompt = [&](const std::string& role) {
    return service
        .call(kChatPath, R"({"messages": [{"role": ")" + role + R"(", "content": "x"}]})",
              std::make_shared<TestSink>())
        .requests.at(0)
        .prompt;
  };
  EXPECT_EQ(prompt("developer"), prompt("system"));
}

TEST(Chat, FormsOfAnswers) {
  TestService service;
  const auto constraint = [&](const std::string& fields) {
    return service.call(kChatPath, kHello + ", " + fields + "}", std::make_shared<TestSink>())
        .requests.at(0)
        .constraint;
  };
  const auto allows = [](TokenConstraint& text, char c) {
    return (text.mask()[static_cast<std::size_t>(c) / 64] >> (c % 64) & 1) != 0;
  };
  EXPECT_EQ(constraint(R"("response_format": {"type": "text"})"), nullptr);
  const auto object = constraint(R"("response_format": {"type": "json_object"})");
  EXPECT_TRUE(allows(*object, '{'));
  EXPECT_FALSE(allows(*object, '['));
  const auto schema = constraint(
      R"("response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": true,
      "schema": {"type": "array", "items": {"type": "integer"}}}})");
  EXPECT_TRUE(allows(*schema, '['));
  EXPECT_FALSE(allows(*schema, '{'));
  const auto grammar = constraint(R"("grammar": "root ::= \"yes\"")");
  EXPECT_TRUE(allows(*grammar, 'y'));
  EXPECT_FALSE(allows(*grammar, 'n'));
}

}  // namespace
}  // namespace onebit::api
