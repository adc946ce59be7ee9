// Shapes after OpenAI's API reference ("the completion object"); /tokenize and /detokenize.
#include "api/api_testing.h"

namespace onebit::api {
namespace {

const std::string kCompletionsPath = "/v1/completions";

TEST(Completions, TheWholeAnswer) {
  TestService service;
  const auto sink =
      answer_of(service, kCompletionsPath, R"({"prompt": "ab", "logprobs": 1})", "Hi");
  json::value answer = sink->answer();
  EXPECT_TRUE(answer.as_object().contains("timings"));
  EXPECT_TRUE(answer.as_object().contains("created"));
  answer.as_object().erase("timings");
  answer.as_object().erase("created");
  const json::value expected = {
      {"id", "cmpl-1"},
      {"object", "text_completion"},
      {"model", "tiny"},
      {"system_fingerprint", "onebit"},
      {"choices", json::array{{{"text", "Hi"},
                               {"index", 0},
                               {"logprobs",
                                {{"tokens", {"H", "i"}},
                                 {"token_logprobs", {-0.25, -0.25}},
                                 {"top_logprobs", json::array{{{"H", -0.25}}, {{"i", -0.25}}}},
                                 {"text_offset", {0, 1}}}},
                               {"finish_reason", "stop"}}}},
      {"usage",
       {{"prompt_tokens", 2},
        {"completion_tokens", 2},
        {"total_tokens", 4},
        {"prompt_tokens_details", {{"cached_tokens", 2}}}}}};
  EXPECT_EQ(answer, expected) << sink->body;
}

// The token itself is always among the top ones, which the test's scheduler gives as it and '!'.
TEST(Completions, TopLogprobsHaveTheToken) {
  TestService service;
  const auto tops = [&](const char* n, const std::string& text) {
    const std::string body = R"({"prompt": "ab", "logprobs": )" + std::string(n) + "}";
    const auto answer = answer_of(service, kCompletionsPath, body, text)->answer();
    return answer.at("choices").at(0).at("logprobs").at("top_logprobs");
  };
  EXPECT_EQ(tops("0", "H"), (json::array{{{"H", -0.25}}}));
  EXPECT_EQ(tops("2", "H"), (json::array{{{"H", -0.25}, {"!", -2.5}}}));
  // Tokens that are no text stay apart.
  EXPECT_EQ(tops("0", "\xc3\xa9"),
            (json::array{{{R"(bytes:\xc3)", -0.25}}, {{R"(bytes:\xa9)", -0.25}}}));
  auto sink = std::make_shared<TestSink>();
  const Call call = service.call(kCompletionsPath, R"({"prompt": "ab", "logprobs": 1})", sink);
  const TokenLogprob likelier[] = {{'!', -0.5f}};
  call.requests[0].on_token({'H', -2.0f, likelier});
  call.requests[0].on_finish({FinishReason::kStop, ""});
  EXPECT_EQ(sink->answer().at("choices").at(0).at("logprobs").at("top_logprobs").at(0),
            (json::value{{"!", -0.5}, {"H", -2}}));
}

// A prompt of tokens may end within a character: its bytes are not the answer's.
TEST(Completions, AnOpenCharacterStaysWithThePrompt) {
  TestService service;
  const auto answer =
      answer_of(service, kCompletionsPath, R"({"prompt": [97, 195], "logprobs": 0})", "Hi")
          ->answer();
  EXPECT_EQ(answer.at("choices").at(0).at("text"), "Hi");
  EXPECT_EQ(answer.at("choices").at(0).at("logprobs").at("text_offset"), (json::array{0, 1}));
}

TEST(Completions, TheStream) {
  TestService service;
  const auto data =
      answer_of(service, kCompletionsPath, R"({"prompt": "ab", "stream": true, "stream_options":
                {"include_usage": true}})",
                "Hi", FinishReason::kLength)
          ->data();
  ASSERT_EQ(data.size(), 5u);
  EXPECT_EQ(data[0].at("object"), "text_completion");
  EXPECT_EQ(data[0].at("choices").at(0).at("text"), "H");
  EXPECT_TRUE(data[0].at("choices").at(0).at("finish_reason").is_null());
  EXPECT_TRUE(data[0].at("usage").is_null());
  EXPECT_EQ(data[2].at("choices").at(0).at("text"), "");
  EXPECT_EQ(data[2].at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(data[3].at("choices"), json::array());
  EXPECT_EQ(data[3].at("usage").at("total_tokens"), 4);
  EXPECT_EQ(data[4], "[DONE]");
}

TEST(Completions, AllKindsOfPrompts) {
  TestService service;
  const auto prompts = [&](const std::string& prompt) {
    std::vector<std::vector<int32_t>> all;
    for (const auto& request :
         service
             .call(kCompletionsPath, R"({"prompt": )" + prompt + "}", std::make_shared<TestSink>())
             .requests) {
      EXPECT_EQ(request.max_tokens, 16);
      all.push_back(request.prompt);
    }
    return all;
  };
  using Prompts = std::vector<std::vector<int32_t>>;
  EXPECT_EQ(prompts(R"("ab")"), (Prompts{{'a', 'b'}}));
  EXPECT_EQ(prompts(R"(["ab", "c"])"), (Prompts{{'a', 'b'}, {'c'}}));
  EXPECT_EQ(prompts("[5, 260]"), (Prompts{{5, 260}}));
  EXPECT_EQ(prompts("[[5], [6, 7]]"), (Prompts{{5}, {6, 7}}));
  const auto refusal = [&](const std::string& prompt) {
    return service.refusal(kCompletionsPath, R"({"prompt": )" + prompt + "}");
  };
  EXPECT_EQ(refusal(R"("")"), "prompt: expected text or tokens, found none");
  EXPECT_EQ(refusal("[]"), "prompt: expected text or tokens, found none");
  EXPECT_EQ(refusal(R"(["a", ""])"), "prompt[1]: expected text or tokens, found none");
  EXPECT_EQ(refusal("[1, -1]"), "prompt[1]: expected a token id in [0, 275], found -1");
  EXPECT_EQ(refusal("[1, 276]"), "prompt[1]: expected a token id in [0, 275], found 276");
  EXPECT_EQ(refusal("[[1], [1.5]]"), "prompt[1][0]: expected a token id in [0, 275], found 1.5");
  EXPECT_EQ(refusal("5"), "prompt: expected a string or a list of token ids, found 5");
  EXPECT_EQ(refusal("[[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]]"),
            "prompt: expected at most 16 items, found 17");
}

TEST(Completions, SeveralPromptsAndAnswers) {
  TestService service;
  auto sink = std::make_shared<TestSink>();
  const Call call =
      service.call(kCompletionsPath, R"({"prompt": ["a", "bcd"], "n": 2, "seed": 3})", sink);
  ASSERT_EQ(call.requests.size(), 4u);
  // A prompt gets what it would get alone.
  EXPECT_EQ(call.requests[0].sampling.seed, call.requests[2].sampling.seed);
  EXPECT_NE(call.requests[0].sampling.seed, call.requests[1].sampling.seed);
  for (int i = 3; i >= 0; --i) write_text(service, call.requests[i], std::to_string(i));
  const auto answer = sink->answer();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(answer.at("choices").at(i).at("text"), json::value(std::to_string(i)));
    EXPECT_EQ(answer.at("choices").at(i).at("index"), i);
  }
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 4);
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 4);
}

TEST(Tokenize, ThereAndBack) {
  TestService service;
  const auto post = [&](const std::string& path, const std::string& body) {
    auto sink = std::make_shared<TestSink>();
    EXPECT_TRUE(service.call(path, body, sink).requests.empty());
    EXPECT_EQ(sink->status, 200);
    return sink->body;
  };
  EXPECT_EQ(post("/tokenize", R"({"content": "aé"})"), R"({"tokens":[97,195,169]})");
  EXPECT_EQ(post("/tokenize", R"({"content": ""})"), R"({"tokens":[]})");
  EXPECT_EQ(post("/detokenize", R"({"tokens": [97, 195, 169]})"), R"({"content":"aé"})");
  EXPECT_EQ(post("/detokenize", R"({"tokens": [195]})"), "{\"content\":\"\xef\xbf\xbd\"}");
  EXPECT_EQ(service.refusal("/detokenize", R"({"tokens": [1, "a"]})"),
            "tokens[1]: expected a token id in [0, 275], found 'a'");
  EXPECT_EQ(service.refusal("/tokenize", "{}"),
            "content: expected a string of at most 1048576 bytes, found none");
}

}  // namespace
}  // namespace onebit::api
