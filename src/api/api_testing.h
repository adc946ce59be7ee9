// A tiny random model with the vocabulary of all chat templates, endpoints on it, and what they
// answer.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "api/endpoint.h"
#include "api/endpoints.h"
#include "api/grammar_cache.h"
#include "base/error.h"
#include "chat/test_chat.h"
#include "models/test_model.h"

namespace onebit::api {

namespace json = boost::json;

struct TestSink : Sink {
  int status = 0;  // 0: none yet
  std::string body;
  bool has_begun = false;
  bool has_ended = false;
  bool is_gone = false;
  std::string events;

  void respond(int s, std::string text) override {
    EXPECT_EQ(status, 0);
    EXPECT_FALSE(has_begun);
    status = s;
    body = std::move(text);
  }
  void start_events() override {
    EXPECT_FALSE(has_begun);
    EXPECT_EQ(status, 0);
    has_begun = true;
  }
  bool write(std::string bytes) override {
    EXPECT_TRUE(has_begun && !has_ended);
    EXPECT_TRUE(bytes.ends_with("\n\n"));
    events += bytes;
    return !is_gone;
  }
  void end() override {
    EXPECT_FALSE(has_ended);
    has_ended = true;
  }

  json::value answer() const { return json::parse(body); }
  // The data of all events; those that are not JSON ("[DONE]") as strings.
  std::vector<json::value> data() const {
    std::vector<json::value> all;
    std::size_t at = 0;
    while ((at = events.find("data: ", at)) != std::string::npos) {
      at += 6;
      const std::string line = events.substr(at, events.find('\n', at) - at);
      all.push_back(line == "[DONE]" ? json::value("[DONE]") : json::parse(line));
    }
    return all;
  }
};

inline ModelFile api_test_file(const Vocab& vocab) {
  TestModel m = small_test_model();
  m.config.vocab_size = static_cast<int64_t>(vocab.tokens.size());
  m.config.max_seq_len = 4096;
  m.edit_metadata = [&](GgufMetadata& metadata) { write_vocab(vocab, metadata); };
  const auto path = write_test_model(m, "api_test");
  ModelFile file = ModelFile::open(path);
  std::filesystem::remove(path);
  return file;
}

inline std::string golden_template(const std::string& name) {
  return std::string(golden_chats().at("templates").at(name).as_string());
}

class TestService {
 public:
  explicit TestService(const std::string& template_name = "chatml",
                       const Vocab& vocab = chat_vocab())
      : engine(api_test_file(vocab), {.threads = 1}),
        chat_template(golden_template(template_name), {"<|begin_of_text|>", "<|eot_id|>"},
                      template_name),
        grammars(engine.tokenizer()) {}

  Service service() {
    return {engine, chat_template, grammars, "tiny", 1, 4096, [this](std::string_view prefix) {
              return std::string(prefix) + std::to_string(++n_ids);
            }};
  }
  Call call(const std::string& path, const std::string& body, std::shared_ptr<Sink> sink) {
    for (const Endpoint& endpoint : endpoints()) {
      if (endpoint.path == path) {
        return endpoint.prepare(service(), parse_body(body), "tenant", std::move(sink));
      }
    }
    throw std::logic_error("no such endpoint");
  }
  // The refusal's message; "" if there is none.
  std::string refusal(const std::string& path, const std::string& body) {
    try {
      call(path, body, std::make_shared<TestSink>());
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status, 400);
      param = error.param.value_or("");
      return error.message;
    } catch (const Error& error) {
      const ApiError refused = to_api_error(error);
      EXPECT_EQ(refused.status, 400);
      param = refused.param.value_or("");
      return refused.message;
    }
    return "";
  }
  std::vector<int32_t> tokens(const std::string& text) {
    return engine.tokenizer().encode(text, {.parse_special = true});
  }

  Engine engine;
  ChatTemplate chat_template;
  GrammarCache grammars;
  int n_ids = 0;
  std::string param;  // of the last refusal
};

// Plays the scheduler: the request writes `text`, and ends.
inline void write_text(TestService& service, const onebit::Request& request,
                       const std::string& text, FinishReason reason = FinishReason::kStop) {
  FinishEvent finish{.reason = reason, .error = "inside"};
  finish.prompt_tokens = std::ssize(request.prompt);
  finish.cached_tokens = 2;
  finish.queued_seconds = 0.001;
  finish.prefill_seconds = 0.01;
  finish.decode_seconds = 0.5;
  for (const int32_t id : service.engine.tokenizer().encode(text)) {
    ++finish.generated_tokens;
    const TokenLogprob top[] = {{id, -0.25f}, {'!', -2.5f}};
    const auto n = static_cast<std::size_t>(std::clamp(request.top_logprobs, 0, 2));
    if (!request.on_token({id, -0.25f, std::span(top).first(n)})) {
      finish.reason = FinishReason::kStop;
      break;
    }
  }
  request.on_finish(finish);
}

inline std::shared_ptr<TestSink> answer_of(TestService& service, const std::string& path,
                                           const std::string& body, const std::string& text,
                                           FinishReason reason = FinishReason::kStop) {
  auto sink = std::make_shared<TestSink>();
  const Call call = service.call(path, body, sink);
  for (const auto& request : call.requests) write_text(service, request, text, reason);
  return sink;
}

}  // namespace onebit::api
