#include "api/tools.h"

#include "api/api_testing.h"

namespace onebit::api {
namespace {

const std::string kToolsPath = "/v1/chat/completions";
const std::string kTools =
    R"({"messages": [{"role": "user", "content": "weather?"}], "tools": [
      {"type": "function", "function": {"name": "weather", "description": "d", "parameters":
        {"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}}, "required": ["city"],
         "additionalProperties": false, "$defs": {"city": {"enum": ["Rome", "Oslo"]}}}}},
      {"type": "function", "function": {"name": "time"}}])";
const std::string kCall =
    "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";

struct Read {
  std::string text;
  std::vector<std::string> calls;
};
// In pieces of n bytes.
Read read(ToolStyle style, const std::string& answer, std::size_t n, bool is_cut = false) {
  ToolCallReader reader(style, {"weather", "time"});
  Read all;
  const auto take = [&](const ToolCallReader::Part& part) {
    all.text += part.text;
    for (const auto& call : part.calls) all.calls.push_back(call.name + call.arguments);
  };
  for (std::size_t i = 0; i < answer.size(); i += n) take(reader.push(answer.substr(i, n)));
  take(reader.finish(is_cut));
  return all;
}

TEST(Tools, CallsAreFoundWhereverPiecesEnd) {
  struct Case {
    ToolStyle style;
    std::string answer;
    std::string text;
    std::vector<std::string> calls;
  };
  const std::string rome = R"(weather{"city":"Rome"})";
  const std::vector<Case> cases = {
      {ToolStyle::kTagged, kCall, "", {rome}},
      {ToolStyle::kTagged, "Let me see.\n" + kCall, "Let me see.", {rome}},
      {ToolStyle::kTagged, kCall + "\n" + kCall + "\n", "", {rome, rome}},
      {ToolStyle::kTagged, "a < b and <tool", "a < b and <tool", {}},
      {ToolStyle::kTagged, " x \n y ", " x \n y ", {}},
      {ToolStyle::kTagged, "<tool_call>what</tool_call>", "<tool_call>what</tool_call>", {}},
      {ToolStyle::kTagged,
       R"(<tool_call>{"name": "rm"}</tool_call>)",
       R"(<tool_call>{"name": "rm"}</tool_call>)",
       {}},
      {ToolStyle::kTagged, R"(<tool_call>{"name": "time"})", "", {"time{}"}},  // ended by EOS
      {ToolStyle::kTagged, R"(<tool_call>{"name": "ti)", R"(<tool_call>{"name": "ti)", {}},
      {ToolStyle::kTagged,
       R"(<tool_call>{"name":"time","arguments":null}</tool_call>)",
       "",
       {"time{}"}},
      {ToolStyle::kTagged,
       R"(<tool_call>{"name":"time","arguments":[1]}</tool_call>)",
       R"(<tool_call>{"name":"time","arguments":[1]}</tool_call>)",
       {}},
      {ToolStyle::kTagged,
       R"(<tool_call>{"name":"time","arguments":"{\"a\":1}"}</tool_call>)",
       "",
       {R"(time{"a":1})"}},
      {ToolStyle::kBare, R"({"name": "weather", "parameters": {"city": "Rome"}})", "", {rome}},
      {ToolStyle::kBare, R"( { "type": "function", "name": "time" })", "", {"time{}"}},
      {ToolStyle::kBare, R"({"name": "rm"})", R"({"name": "rm"})", {}},
      {ToolStyle::kBare, R"({"names": []})", R"({"names": []})", {}},
      {ToolStyle::kBare, "Hello {", "Hello {", {}},
      {ToolStyle::kBare, " {", " {", {}},
      {ToolStyle::kNone, kCall, kCall, {}},
  };
  for (const Case& c : cases) {
    for (std::size_t n = 1; n <= c.answer.size(); ++n) {
      const Read got = read(c.style, c.answer, n);
      EXPECT_EQ(got.text, c.text) << c.answer << " by " << n;
      EXPECT_EQ(got.calls, c.calls) << c.answer << " by " << n;
    }
  }
}

// Half a call is no text: the call so far, if it has a name yet.
TEST(Tools, WhatIsCutIsACallSoFar) {
  const std::string tagged = R"(<tool_call>
{ "name" : "weather", "arguments": {"city": "Ro"}}
</tool_call>)";
  const std::string bare =
      R"({"type": "function", "name": "weather", "parameters": {"city": "Ro"}})";
  for (const auto& [style, answer] :
       {std::pair{ToolStyle::kTagged, tagged}, {ToolStyle::kBare, bare}}) {
    const std::size_t named = answer.find("\"weather\"") + 9;
    const std::size_t begin = answer.find("{\"city");
    for (std::size_t n = 1; n <= answer.size(); ++n) {
      const Read got = read(style, answer.substr(0, n), 3, true);
      EXPECT_EQ(got.text, "") << answer.substr(0, n);
      ASSERT_EQ(got.calls.size(), n < named ? 0u : 1u) << answer.substr(0, n);
      if (n < named) continue;
      std::string arguments =
          n < begin ? "" : answer.substr(begin, std::min(n - begin, std::size_t{14}));
      if (got.calls[0] == R"(weather{"city":"Ro"})") arguments = R"({"city":"Ro"})";  // whole
      EXPECT_EQ(got.calls[0], "weather" + arguments) << answer.substr(0, n);
    }
    EXPECT_EQ(read(style, answer, 3, true).calls[0], R"(weather{"city":"Ro"})");
  }
  EXPECT_EQ(read(ToolStyle::kTagged, "a < b", 1, true).text, "a < b");
  EXPECT_EQ(read(ToolStyle::kTagged, "<tool_call>what", 1, true).text, "<tool_call>what");
  EXPECT_EQ(read(ToolStyle::kTagged, R"(<tool_call>{"name": "rm", )", 1, true).text,
            R"(<tool_call>{"name": "rm", )");
  EXPECT_EQ(read(ToolStyle::kTagged, R"(<tool_call>{"name": "time", "arguments": [)", 1, true).text,
            R"(<tool_call>{"name": "time", "arguments": [)");
  EXPECT_EQ(read(ToolStyle::kBare, R"({"names": [)", 1, true).text, R"({"names": [)");
}

TEST(Tools, AForcedCallThatIsCut) {
  TestService service("Qwen2.5-7B-Instruct");
  const std::string body = kTools + R"(, "tool_choice": "required", "stop": "<")";
  const auto half = kCall.substr(0, kCall.find("ome"));
  const auto answer =
      answer_of(service, kToolsPath, body + "}", half, FinishReason::kLength)->answer();
  const auto& choice = answer.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_TRUE(choice.at("message").at("content").is_null());
  EXPECT_EQ(choice.at("message").at("tool_calls").at(0).at("function").at("arguments"),
            R"({"city": "R)");
  const auto data =
      answer_of(service, kToolsPath, body + R"(, "stream": true})", half, FinishReason::kLength)
          ->data();
  EXPECT_EQ(data.at(data.size() - 2).at("choices").at(0).at("finish_reason"), "length");
}

TEST(Tools, OneCallWithoutParallelOnes) {
  TestService service("Qwen2.5-7B-Instruct");
  const auto message = [&](const std::string& rest) {
    const auto sink = answer_of(service, kToolsPath, kTools + rest, "Well. " + kCall + kCall);
    return sink->answer().at("choices").at(0).at("message").as_object();
  };
  EXPECT_EQ(message("}").at("tool_calls").as_array().size(), 2u);
  const auto one = message(R"(, "parallel_tool_calls": false})");
  EXPECT_EQ(one.at("tool_calls").as_array().size(), 1u);
  EXPECT_EQ(one.at("content"), "Well.");
}

TEST(Tools, TheWholeAnswer) {
  TestService service("Qwen2.5-7B-Instruct");
  const auto answer = answer_of(service, kToolsPath, kTools + "}", kCall)->answer();
  const json::value expected = {
      {"index", 0},
      {"message",
       {{"role", "assistant"},
        {"content", nullptr},
        {"refusal", nullptr},
        {"tool_calls",
         json::array{{{"id", "call_2"},
                      {"type", "function"},
                      {"function", {{"name", "weather"}, {"arguments", R"({"city":"Rome"})"}}}}}}}},
      {"logprobs", nullptr},
      {"finish_reason", "tool_calls"}};
  EXPECT_EQ(answer.at("choices").at(0), expected);
}

TEST(Tools, TheStream) {
  TestService service("Qwen2.5-7B-Instruct");
  const auto data =
      answer_of(service, kToolsPath, kTools + R"(, "stream": true})", kCall + "\n" + kCall)->data();
  std::vector<json::value> deltas;
  for (const auto& chunk : data) {
    if (chunk.is_object()) deltas.push_back(chunk.at("choices").at(0).at("delta"));
  }
  const auto begin = [](int index, const char* id) {
    return json::value{
        {"tool_calls", json::array{{{"index", index},
                                    {"id", id},
                                    {"type", "function"},
                                    {"function", {{"name", "weather"}, {"arguments", ""}}}}}}};
  };
  const auto rest = [](int index) {
    return json::value{
        {"tool_calls",
         json::array{{{"index", index}, {"function", {{"arguments", R"({"city":"Rome"})"}}}}}}};
  };
  ASSERT_EQ(deltas.size(), 6u);
  EXPECT_EQ(deltas[0].at("role"), "assistant");
  EXPECT_EQ(deltas[1], begin(0, "call_2"));
  EXPECT_EQ(deltas[2], rest(0));
  EXPECT_EQ(deltas[3], begin(1, "call_3"));
  EXPECT_EQ(deltas[4], rest(1));
  EXPECT_EQ(data[5].at("choices").at(0).at("finish_reason"), "tool_calls");
}

// Follows the masks: bytes of `text` must be allowed; says whether it may end then.
bool allows(TestService& service, TokenConstraint& constraint, const std::string& text) {
  for (const int32_t id : service.engine.tokenizer().encode(text)) {
    const auto bit = static_cast<std::size_t>(id);
    if ((constraint.mask()[bit / 64] >> (bit % 64) & 1) == 0) return false;
    constraint.accept(id);
  }
  for (int32_t id = 0; id < service.engine.tokenizer().n_vocab(); ++id) {
    const auto bit = static_cast<std::size_t>(id);
    const bool is_allowed = (constraint.mask()[bit / 64] >> (bit % 64) & 1) != 0;
    if (is_allowed && service.engine.tokenizer().is_stop(id)) return true;
  }
  return false;
}

TEST(Tools, ForcedCallsAreHeldToTheirForm) {
  struct Case {
    std::string model;
    std::string choice;
    std::string text;
    bool is_allowed;
    std::string tools = kTools;
  };
  const std::string empty = R"({"messages": [{"role": "user", "content": "x"}], "tools": [
      {"type": "function", "function": {"name": "time", "strict": true, "parameters": {}}}])";
  const std::string qwen = "Qwen2.5-7B-Instruct";
  const std::string llama = "Llama-3.1-8B-Instruct";
  const std::string weather = R"({"type": "function", "function": {"name": "weather"}})";
  const std::string time_call = "<tool_call>\n{\"name\":\"time\",\"arguments\":{}}\n</tool_call>";
  const std::string bare = R"({"name":"weather","parameters":{"city":"Oslo"}})";
  const std::vector<Case> cases = {
      {qwen, "\"required\"", kCall, true},
      {qwen, "\"required\"", time_call, true},
      {qwen, weather, kCall, true},
      {qwen, weather, time_call, false},
      {qwen, weather, "Hello", false},
      {qwen, "\"required\"", time_call, true, empty},
      {qwen, "\"required\"", "<tool_call>\n{\"name\":\"time\",\"arguments\":\"\"}\n</tool_call>",
       false, empty},
      {qwen, weather,
       "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Bern\"}}\n</tool_call>",
       false},
      {llama, "\"required\"", bare, true},
      {llama, weather, bare, true},
      {llama, weather, kCall, false},
  };
  for (const Case& c : cases) {
    TestService service(c.model);
    const Call call = service.call(kToolsPath, c.tools + R"(, "tool_choice": )" + c.choice + "}",
                                   std::make_shared<TestSink>());
    ASSERT_NE(call.requests.at(0).constraint, nullptr);
    EXPECT_EQ(allows(service, *call.requests[0].constraint, c.text), c.is_allowed)
        << c.choice << ": " << c.text;
    if (!c.is_allowed) continue;
    auto sink = std::make_shared<TestSink>();
    const Call again =
        service.call(kToolsPath, c.tools + R"(, "tool_choice": )" + c.choice + "}", sink);
    write_text(service, again.requests[0], c.text);
    EXPECT_EQ(sink->answer().at("choices").at(0).at("finish_reason"), "tool_calls");
  }
}

TEST(Tools, NoneOrATemplateWithoutThem) {
  TestService qwen("Qwen2.5-7B-Instruct");
  const auto prompt = [&](const std::string& fields) {
    return qwen.call(kToolsPath, fields, std::make_shared<TestSink>()).requests.at(0).prompt;
  };
  EXPECT_NE(prompt(kTools + "}"),
            prompt(R"({"messages": [{"role": "user", "content": "weather?"}]})"));
  EXPECT_EQ(prompt(kTools + R"(, "tool_choice": "none"})"),
            prompt(R"({"messages": [{"role": "user", "content": "weather?"}]})"));
  const auto answer =
      answer_of(qwen, kToolsPath, kTools + R"(, "tool_choice": "none"})", kCall)->answer();
  EXPECT_EQ(answer.at("choices").at(0).at("message").at("content"), json::value(kCall));
  TestService chatml;
  EXPECT_EQ(chatml.refusal(kToolsPath, kTools + "}"),
            "tools: expected none (the model's chat template has no tools: chatml), found a list "
            "of 2");
}

// What a client sends back: the call and its result.
TEST(Tools, ResultsGoIntoThePrompt) {
  TestService service("Qwen2.5-7B-Instruct");
  const Call call = service.call(kToolsPath,
                                 R"({"messages": [{"role": "user", "content": "weather?"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
         "function": {"name": "weather", "arguments": "{\"city\": \"Rome\"}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"}]})",
                                 std::make_shared<TestSink>());
  const std::string text = service.engine.tokenizer().decode(call.requests.at(0).prompt, true);
  EXPECT_NE(text.find(R"({"name": "weather", "arguments": {"city": "Rome"}})"), std::string::npos)
      << text;
  EXPECT_NE(text.find("<tool_response>\nsunny\n</tool_response>"), std::string::npos) << text;
}

}  // namespace
}  // namespace onebit::api
