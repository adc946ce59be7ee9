#include <cmath>
#include <cstring>

#include "api/api_testing.h"
#include "engine/pooling.h"

namespace onebit::api {
namespace {

const std::string kEmbeddingsPath = "/v1/embeddings";

// What `onebit embed` writes.
std::vector<float> embed(TestService& service, const std::vector<int32_t>& ids, Pool pool) {
  Sequence sequence(service.engine);
  Pooler pooler(pool, service.engine.config().hidden_size);
  sequence.append_hidden(ids, [&](int64_t, std::span<const float> rows) { pooler.add(rows); });
  return pooler.vector();
}

// Plays the scheduler.
void run(TestService& service, const onebit::Request& request) {
  Sequence sequence(service.engine);
  const auto half = request.prompt.size() / 2;
  const std::span<const int32_t> prompt(request.prompt);
  const auto give = [&](int64_t, std::span<const float> rows) { request.on_hidden(rows); };
  if (half > 0) sequence.append_hidden(prompt.first(half), give);
  sequence.append_hidden(prompt.subspan(half), give);
  FinishEvent finish{.reason = FinishReason::kStop, .error = ""};
  finish.prompt_tokens = std::ssize(request.prompt);
  request.on_finish(finish);
}

json::value embed_json(TestService& service, const std::string& body) {
  auto sink = std::make_shared<TestSink>();
  const Call call = service.call(kEmbeddingsPath, body, sink);
  for (const auto& request : call.requests) run(service, request);
  EXPECT_EQ(sink->status, 200);
  return sink->answer();
}

std::vector<float> floats(const json::value& list) {
  std::vector<float> all;
  for (const auto& v : list.as_array()) all.push_back(v.to_number<float>());
  return all;
}

std::vector<float> from_base64(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int n = 0;
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    if ((n += 6) >= 8) bytes += static_cast<char>(bits >> (n -= 8));
  }
  std::vector<float> all(bytes.size() / sizeof(float));
  std::memcpy(all.data(), bytes.data(), all.size() * sizeof(float));
  return all;
}

TEST(Embeddings, AreThoseOfOnebitEmbed) {
  TestService service;
  for (const auto& [name, pool] : {std::pair{"mean", Pool::kMean}, {"last", Pool::kLast}}) {
    const std::string rest = std::string(R"(, "pooling": ")") + name + "\"";
    const json::value answer = embed_json(service, R"({"input": ["hello", "a"])" + rest + "}");
    EXPECT_EQ(answer.at("object"), "list");
    EXPECT_EQ(answer.at("model"), "tiny");
    EXPECT_EQ(answer.at("usage"), (json::value{{"prompt_tokens", 6}, {"total_tokens", 6}}));
    ASSERT_EQ(answer.at("data").as_array().size(), 2u);
    for (int i = 0; i < 2; ++i) {
      const json::value& one = answer.at("data").at(i);
      EXPECT_EQ(one.at("object"), "embedding");
      EXPECT_EQ(one.at("index"), i);
      // Every bit comes through JSON.
      EXPECT_EQ(floats(one.at("embedding")),
                embed(service, service.tokens(i == 0 ? "hello" : "a"), pool));
    }
    const json::value packed =
        embed_json(service, R"({"input": [104, 105], "encoding_format": "base64")" + rest + "}");
    EXPECT_EQ(from_base64(packed.at("data").at(0).at("embedding").as_string()),
              embed(service, {104, 105}, pool));
  }
}

TEST(Embeddings, AreOfLengthOne) {
  TestService service;
  const auto answer = embed_json(service, R"({"input": "x", "pooling": "mean"})");
  double square = 0;
  for (const float v : floats(answer.at("data").at(0).at("embedding"))) square += double{v} * v;
  EXPECT_NEAR(square, 1, 1e-5);
}

TEST(Embeddings, Refusals) {
  TestService service;
  const auto refusal = [&](const std::string& body) {
    return service.refusal(kEmbeddingsPath, body);
  };
  EXPECT_EQ(refusal(R"({"input": "x"})"),
            "pooling: expected last or mean (this is no embedding model), found none");
  EXPECT_EQ(service.param, "pooling");
  EXPECT_EQ(refusal(R"({"input": "x", "pooling": "mean", "dimensions": 5})"),
            "dimensions: expected 128, found 5");
  EXPECT_EQ(refusal(R"({"input": "x", "pooling": "mean", "dimensions": 128})"), "");
  EXPECT_EQ(refusal(R"({"input": "", "pooling": "mean"})"),
            "input: expected text or tokens, found none");
  EXPECT_EQ(refusal(R"({"input": "x", "pooling": "mean", "encoding_format": "hex"})"),
            "encoding_format: expected 'float' or 'base64', found 'hex'");
}

TEST(Embeddings, OfAsManyTokensAsTheContextHas) {
  TestService service;
  const auto refusal = [&](std::size_t n) {
    const json::value body{{"input", json::array(n, 97)}, {"pooling", "mean"}};
    return service.refusal(kEmbeddingsPath, json::serialize(body));
  };
  EXPECT_EQ(refusal(4096), "");
  EXPECT_EQ(refusal(4097), "input: expected at most 4096 tokens (the context), found 4097");
}

TEST(Embeddings, AFailure) {
  TestService service;
  auto sink = std::make_shared<TestSink>();
  const Call call =
      service.call(kEmbeddingsPath, R"({"input": ["x", "y"], "pooling": "mean"})", sink);
  call.requests[0].on_finish({.reason = FinishReason::kError, .error = "inside"});
  call.requests[1].on_finish({.reason = FinishReason::kStop, .error = ""});
  EXPECT_EQ(sink->status, 500);
}

}  // namespace
}  // namespace onebit::api
