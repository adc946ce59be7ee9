#include "chat/chat_template.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/test_chat.h"

namespace onebit {
namespace {

std::string rendered(const ChatTemplate& chat_template, const ChatRequest& request) {
  return text_of(chat_template.render(request, {}));
}

Tokenizer tokenizer_with(const std::vector<std::string>& special,
                         const std::string& chat_template = "") {
  Vocab vocab = byte_vocab({}, special);
  vocab.chat_template = chat_template;
  return Tokenizer(vocab);
}

const ChatRequest kTwoTurns = make_request({{"system", "S"}, {"user", "U"}});

TEST(ChatTemplate, TheModelsOwnComesFirst) {
  const auto tokenizer = tokenizer_with({"<|im_start|>", "<|im_end|>"}, "{{ messages|length }}");
  const ChatTemplate chat_template(tokenizer, "llama");
  EXPECT_EQ(rendered(chat_template, kTwoTurns), "2");
  EXPECT_TRUE(chat_template.is_chat());
  EXPECT_EQ(chat_template.name(), "tokenizer.chat_template");
}

TEST(ChatTemplate, SpecialTokensTellTheFormat) {
  const ChatTemplate chatml(tokenizer_with({"<|im_start|>", "<|im_end|>"}), "qwen3");
  EXPECT_EQ(rendered(chatml, kTwoTurns),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
            "<|im_start|>assistant\n");
  const ChatTemplate llama(
      tokenizer_with({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}), "llama");
  EXPECT_EQ(rendered(llama, kTwoTurns),
            "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  const ChatTemplate falcon(tokenizer_with({"<|system|>", "<|user|>", "<|assistant|>"}), "llama");
  EXPECT_EQ(rendered(falcon, kTwoTurns), "<|system|>\nS\n<|user|>\nU\n<|assistant|>\n");
  EXPECT_TRUE(falcon.is_chat());
}

TEST(ChatTemplate, WithoutAnyTheTextGoesOn) {
  const ChatTemplate plain(tokenizer_with({}), "bitnet-b1.58");
  EXPECT_FALSE(plain.is_chat());
  EXPECT_EQ(rendered(plain, make_request({{"user", "Once"},
                                          {"assistant", " upon."},
                                          {"user", "Twice"},
                                          {"assistant", " more."}})),
            "Once upon.\nTwice more.");
}

// The published template of 2B-4T and the placeholder of its GGUF are among the golden ones.
TEST(ChatTemplate, BitNetsPlaceholderIsReplaced) {
  const auto chats = golden_chats();
  const std::string placeholder(
      chats.at("templates").at("bitnet.cpp-gguf-placeholder").as_string());
  Vocab vocab = chat_vocab();
  vocab.chat_template = placeholder;
  const Tokenizer tokenizer(vocab);
  const ChatTemplate mended(tokenizer, "bitnet-b1.58");
  int n_tested = 0;
  for (const auto& one : chats.at("cases").as_array()) {
    if (one.at("template_name").as_string() != "bitnet-b1.58-2B-4T") continue;
    if (one.as_object().contains("error")) continue;
    ChatRequest request;
    request.messages = parse_messages(one.at("messages"));
    request.add_generation_prompt = one.at("add_generation_prompt").as_bool();
    EXPECT_EQ(rendered(mended, request), one.at("expected").as_string()) << one.at("conversation");
    ++n_tested;
  }
  EXPECT_GT(n_tested, 5);
  EXPECT_NE(rendered(ChatTemplate(tokenizer, "llama"), kTwoTurns), rendered(mended, kTwoTurns));
}

TEST(ChatTemplate, GoldenRenderings) {
  const auto chats = golden_chats();
  for (const auto& one : chats.at("cases").as_array()) {
    const auto token = [&](const char* key) -> std::optional<std::string> {
      if (one.at(key).is_null()) return std::nullopt;
      return std::string(one.at(key).as_string());
    };
    const auto& source = chats.at("templates").at(one.at("template_name").as_string());
    const ChatTemplate chat_template(std::string(source.as_string()),
                                     {token("bos_token"), token("eos_token")});
    ChatRequest request;
    request.messages = parse_messages(one.at("messages"));
    request.tools = one.at("tools");
    request.add_generation_prompt = one.at("add_generation_prompt").as_bool();
    request.extra = one.at("extra").as_object();
    std::tm now{};
    strptime("2025-06-15T12:34:56", "%Y-%m-%dT%H:%M:%S", &now);
    std::string text;
    try {
      text = text_of(chat_template.render(request, now));
    } catch (const Error&) {
      text = "error";
    }
    const auto* const expected = one.as_object().if_contains("expected");
    EXPECT_EQ(text, expected ? std::string(expected->as_string()) : "error")
        << one.at("template_name") << ", " << one.at("conversation");
  }
}

TEST(ChatTemplate, PartsForTemplatesThatKnowOnlyStrings) {
  ChatRequest request;
  request.messages.push_back(
      {{"role", "user"},
       {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}});
  EXPECT_EQ(rendered(ChatTemplate("{{ messages[0].content }}", {}), request), "a\nb");
  EXPECT_EQ(rendered(ChatTemplate("{{ messages[0].content|trim }}", {}), request), "a\nb");
  EXPECT_EQ(rendered(ChatTemplate("{% for m in messages %}{% if m.content is string %}s"
                                  "{{ m.content }}{% else %}{% for p in m.content %}"
                                  "[{{ p.text }}]{% endfor %}{% endif %}{% endfor %}",
                                  {}),
                     request),
            "[a][b]");
}

TEST(ChatTemplate, BosExactlyOnce) {
  Vocab vocab = chat_vocab();
  vocab.add_bos = true;
  const Tokenizer adds(vocab);
  vocab.add_bos = false;
  const Tokenizer leaves(vocab);
  const auto encode = [](const Tokenizer& tokenizer, const char* source) {
    const ChatTemplate chat_template(source, token_texts(tokenizer.vocab()));
    return encode_chat(tokenizer, chat_template.render(make_request({{"user", "a"}}), {}));
  };
  const std::vector<int32_t> with_bos = {vocab.bos_id, 'a' - '!'};
  EXPECT_EQ(encode(adds, "{{ bos_token }}{{ messages[0].content }}").size(), 2u);
  EXPECT_EQ(encode(adds, "{{ bos_token }}{{ messages[0].content }}")[0], vocab.bos_id);
  EXPECT_EQ(encode(adds, "{{ messages[0].content }}")[0], vocab.bos_id);
  EXPECT_EQ(encode(adds, "{{ messages[0].content }}").size(), 2u);
  EXPECT_EQ(encode(adds, ""), (std::vector<int32_t>{vocab.bos_id}));
  EXPECT_EQ(encode(leaves, "{{ messages[0].content }}").size(), 1u);
  EXPECT_EQ(encode(leaves, "{{ bos_token }}{{ messages[0].content }}")[0], vocab.bos_id);
  // A user who writes BOS has not written it.
  const auto ids = encode_chat(adds, std::vector<jinja::Fragment>{{"<|begin_of_text|>", true}});
  EXPECT_EQ(ids[0], vocab.bos_id);
  EXPECT_EQ(adds.decode(std::span(ids).subspan(1)), "<|begin_of_text|>");
}

TEST(ChatTemplate, ErrorsSayWhere) {
  const auto message = [](const auto& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(message([] { ChatTemplate("{{ 1 +", {}, "a.jinja"); }).substr(0, 9), "a.jinja: ");
  EXPECT_EQ(message([] { ChatTemplate(tokenizer_with({}, "{% if %}"), "llama"); }).substr(0, 25),
            "tokenizer.chat_template: ");
  EXPECT_EQ(message([] { rendered(ChatTemplate("{{ raise_exception('no') }}", {}), {}); }),
            "template line 1: no");
}

}  // namespace
}  // namespace onebit
