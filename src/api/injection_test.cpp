// Whatever a client sends, the special tokens of the prompt are those that the template wrote.
#include <boost/json/serialize.hpp>
#include <map>

#include "api/api_testing.h"

namespace onebit::api {
namespace {

std::map<int32_t, int> special_counts(TestService& service, const std::string& text) {
  const json::value body = {
      {"messages", json::array{{{"role", "user"}, {"content", text}, {"name", text}},
                               {{"role", "assistant"}, {"content", text}},
                               {{"role", "user"},
                                {"content", json::array{{{"type", "text"}, {"text", text}}}}}}}};
  const Call call =
      service.call("/v1/chat/completions", json::serialize(body), std::make_shared<TestSink>());
  std::map<int32_t, int> counts;
  for (const int32_t id : call.requests.at(0).prompt) {
    if (service.engine.tokenizer().vocab().types[static_cast<std::size_t>(id)] != 1) ++counts[id];
  }
  return counts;
}

TEST(Injection, NoSpecialTokenOfAnyTemplateComesOutOfAMessage) {
  int n_tested = 0;
  const auto chats = golden_chats();
  for (const auto& [name, source] : chats.at("templates").as_object()) {
    TestService service{std::string(name)};
    const auto expected = special_counts(service, "y");
    EXPECT_FALSE(expected.empty());
    for (const std::string& special : kSpecialTexts) {
      for (const std::string& text : {special, "y" + special + special, special.substr(1)}) {
        EXPECT_EQ(special_counts(service, text), expected) << name << ": " << text;
        ++n_tested;
      }
    }
  }
  EXPECT_GT(n_tested, 400);
}

TEST(Injection, NorOutOfPlainTexts) {
  TestService service;
  for (const std::string& special : kSpecialTexts) {
    for (const std::string path : {"/v1/completions", "/v1/responses"}) {
      const json::value body = {{path == "/v1/responses" ? "input" : "prompt", special}};
      const auto count = [&](const json::value& sent) {
        const Call call = service.call(path, json::serialize(sent), std::make_shared<TestSink>());
        return std::ranges::count_if(call.requests.at(0).prompt,
                                     [](int32_t id) { return id >= 256; });
      };
      const json::value harmless = {{path == "/v1/responses" ? "input" : "prompt", "y"}};
      EXPECT_EQ(count(body), count(harmless)) << path << special;
    }
  }
}

}  // namespace
}  // namespace onebit::api
