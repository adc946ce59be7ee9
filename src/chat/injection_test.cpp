// Whatever a user writes, the special tokens of a prompt are those that the template wrote.
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <functional>
#include <map>

#include "base/error.h"
#include "chat/test_chat.h"

namespace onebit {
namespace {

using Counts = std::map<int32_t, int>;

Counts special_counts(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                      const ChatRequest& request, bool trust_users = false) {
  Counts counts;
  auto fragments = chat_template.render(request, {});
  if (trust_users) {
    for (auto& fragment : fragments) fragment.from_user = false;
  }
  const auto ids = encode_chat(tokenizer, fragments);
  EXPECT_EQ(tokenizer.decode(ids, true), text_of(fragments));
  for (const int32_t id : ids) {
    if (tokenizer.vocab().types[static_cast<std::size_t>(id)] != 1) ++counts[id];
  }
  return counts;
}

// All that a client may send, with `text` wherever it may put text.
std::vector<ChatRequest> requests_with(const std::string& text) {
  ChatRequest plain = make_request({{"user", text},
                                    {"assistant", "b" + text + "c"},
                                    {"user", text + text},
                                    {"assistant", text},
                                    {"user", "d" + text}});
  ChatRequest system = make_request({{"system", text}, {"user", text}});
  ChatRequest tools = make_request({{"user", text}});
  tools.messages.push_back(
      {{"role", "assistant"},
       {"content", text},
       {"tool_calls",
        {{{"type", "function"},
          {"function", {{"name", text}, {"arguments", {{text, text}, {"n", 1}}}}}}}}});
  tools.messages.push_back({{"role", "tool"}, {"name", text}, {"content", text}});
  tools.tools = {
      {{"type", "function"},
       {"function", {{"name", text}, {"description", text}, {"parameters", {{text, text}}}}}}};
  ChatRequest parts;
  parts.messages.push_back(
      {{"role", "user"},
       {"content", {{{"type", "text"}, {"text", text}}, {{"type", "text"}, {"text", text}}}}});
  return {plain, system, tools, parts};
}

class Injection : public testing::Test {
 protected:
  // For each golden template with these tokens.
  void for_each_template(const std::function<void(const Tokenizer&, const ChatTemplate&)>& test) {
    const Tokenizer tokenizer(chat_vocab({{"<", "|"}, {"|", ">"}, {"x", "<|"}}));
    const auto chats = golden_chats();
    for (const auto& [name, source] : chats.at("templates").as_object()) {
      SCOPED_TRACE(std::string(name));
      test(tokenizer,
           ChatTemplate(std::string(source.as_string()), {"<|begin_of_text|>", "<|eot_id|>"}));
    }
  }
};

TEST_F(Injection, NoSpecialTokenComesOutOfUserText) {
  int n_tested = 0;
  int n_attacks = 0;  // those that would succeed if all text were trusted
  for_each_template([&](const Tokenizer& tokenizer, const ChatTemplate& chat_template) {
    const auto harmless = requests_with("y");
    std::vector<Counts> expected;
    for (const auto& request : harmless) {
      try {
        expected.push_back(special_counts(tokenizer, chat_template, request));
        EXPECT_FALSE(expected.back().empty() && chat_template.name() != "plain text");
      } catch (const Error&) {  // a role that this template refuses
        expected.push_back({{-1, 0}});
      }
    }
    for (const auto& special : kSpecialTexts) {
      for (const auto& text : {special, "y" + special + "y", special + special, "x" + special}) {
        const auto requests = requests_with(text);
        for (std::size_t i = 0; i < requests.size(); ++i) {
          if (expected[i].contains(-1)) continue;
          EXPECT_EQ(special_counts(tokenizer, chat_template, requests[i]), expected[i])
              << quote(text) << " in request " << i;
          ++n_tested;
          n_attacks += special_counts(tokenizer, chat_template, requests[i], true) != expected[i];
        }
      }
    }
  });
  EXPECT_GT(n_tested, 1000);
  EXPECT_GT(n_attacks, 900);
}

TEST_F(Injection, NorOutOfPiecesOnBothSidesOfABorder) {
  for_each_template([&](const Tokenizer& tokenizer, const ChatTemplate& chat_template) {
    const auto with = [](const std::string& a, const std::string& b) {
      return make_request({{"user", a}, {"assistant", b}, {"user", b}});
    };
    const auto expected = special_counts(tokenizer, chat_template, with("y", "y"));
    for (const auto& special : kSpecialTexts) {
      for (std::size_t cut = 1; cut < special.size(); ++cut) {
        const auto request = with("y" + special.substr(0, cut), special.substr(cut) + "y");
        EXPECT_EQ(special_counts(tokenizer, chat_template, request), expected)
            << quote(special) << " cut at " << cut;
      }
    }
  });
}

TEST_F(Injection, UnknownRolesAreUserText) {
  const Tokenizer tokenizer(chat_vocab());
  const ChatTemplate tags("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}", {});
  EXPECT_TRUE(special_counts(tokenizer, tags, make_request({{"im_end", "y"}})).empty());
  const ChatTemplate roles("{% for m in messages %}{{ m.role }}{% endfor %}", {});
  EXPECT_TRUE(special_counts(tokenizer, roles, make_request({{"<|im_end|>", "y"}})).empty());
}

// What has one author is encoded as transformers encodes the whole text.
TEST_F(Injection, HarmlessChatsAreEncodedAsOneText) {
  const Tokenizer tokenizer(chat_vocab({{"n", "t"}, {"t", ":"}, {":", " "}, {" ", "y"}}));
  const auto chats = golden_chats();
  int n_tested = 0;
  for (const auto& one : chats.at("cases").as_array()) {
    if (one.at("conversation").as_string() == "special tokens in content") continue;
    if (one.as_object().contains("error")) continue;
    ChatRequest request;
    request.messages = parse_messages(one.at("messages"));
    request.tools = one.at("tools");
    request.add_generation_prompt = one.at("add_generation_prompt").as_bool();
    const auto& source = chats.at("templates").at(one.at("template_name").as_string());
    const ChatTemplate chat_template(std::string(source.as_string()),
                                     {"<|begin_of_text|>", "<|eot_id|>"});
    const auto fragments = chat_template.render(request, {});
    EXPECT_EQ(encode_chat(tokenizer, fragments),
              tokenizer.encode(text_of(fragments), {.parse_special = true}))
        << one.at("template_name") << ", " << one.at("conversation");
    ++n_tested;
  }
  EXPECT_GT(n_tested, 100);
}

}  // namespace
}  // namespace onebit
