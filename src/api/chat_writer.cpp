#include "api/chat_writer.h"

#include <ctime>
#include <iterator>

#include "api/events.h"
#include "api/logprobs_json.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

class ChatWriter : public Writer {
 public:
  ChatWriter(const Service& service, const ChatWriterOptions& options)
      : options_(options),
        tokenizer_(service.engine.tokenizer()),
        new_id_(service.new_id),
        id_(service.new_id("chatcmpl-")),
        model_(service.model),
        created_(std::time(nullptr)) {}

 protected:
  json::object head(const char* object) const {
    return {{"id", id_},
            {"object", object},
            {"created", created_},
            {"model", model_},
            {"system_fingerprint", "onebit"}};
  }
  json::value logprobs(const std::vector<SeenToken>& tokens) const {
    if (!options_.logprobs) return nullptr;
    return {{"content", chat_logprobs(tokenizer_, tokens)}, {"refusal", nullptr}};
  }
  static const char* reason_text(FinishReason reason, bool has_calls) {
    if (reason != FinishReason::kStop) return "length";
    return has_calls ? "tool_calls" : "stop";
  }

  const ChatWriterOptions options_;
  const Tokenizer& tokenizer_;
  const std::function<std::string(std::string_view)> new_id_;

 private:
  const std::string id_;
  const std::string model_;
  const int64_t created_;
};

class ChatAnswer : public ChatWriter {
 public:
  ChatAnswer(const Service& service, const ChatWriterOptions& options, std::shared_ptr<Sink> sink)
      : ChatWriter(service, options),
        sink_(std::move(sink)),
        choices_(options.n, Choice{options.tools, {}, {}, {}, nullptr}) {}

  bool add(std::size_t i, Piece piece) override {
    Choice& choice = choices_[i];
    take(choice, choice.reader.push(piece.text));
    choice.tokens.insert(choice.tokens.end(), std::make_move_iterator(piece.tokens.begin()),
                         std::make_move_iterator(piece.tokens.end()));
    return true;
  }

  void finish(std::size_t i, FinishReason reason, const Totals* totals) override {
    Choice& choice = choices_[i];
    take(choice, choice.reader.finish(reason != FinishReason::kStop));
    choice.reason = reason_text(reason, !choice.calls.empty());
    if (totals == nullptr) return;
    json::object answer = head("chat.completion");
    json::array list;
    for (std::size_t k = 0; k < choices_.size(); ++k) list.push_back(choice_json(k));
    answer["choices"] = std::move(list);
    answer["usage"] = usage_json(*totals);
    answer["timings"] = timings_json(*totals);
    sink_->respond(200, json_text(answer));
  }

  void fail(const ApiError& error) override { sink_->respond(error.status, error.json()); }

 private:
  struct Choice {
    ToolCallReader reader;
    std::string text;
    std::vector<ToolCall> calls;
    std::vector<SeenToken> tokens;
    const char* reason;
  };

  static void take(Choice& choice, ToolCallReader::Part part) {
    choice.text += part.text;
    choice.calls.insert(choice.calls.end(), std::make_move_iterator(part.calls.begin()),
                        std::make_move_iterator(part.calls.end()));
  }

  json::object choice_json(std::size_t i) const {
    const Choice& choice = choices_[i];
    json::object message{{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
    if (!choice.calls.empty()) {
      if (choice.text.empty()) message["content"] = nullptr;
      json::array calls;
      for (const ToolCall& call : choice.calls) {
        calls.push_back({{"id", new_id_("call_")},
                         {"type", "function"},
                         {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
      }
      message["tool_calls"] = std::move(calls);
    }
    return {{"index", i},
            {"message", std::move(message)},
            {"logprobs", logprobs(choice.tokens)},
            {"finish_reason", choice.reason}};
  }

  std::shared_ptr<Sink> sink_;
  std::vector<Choice> choices_;
};

class ChatStream : public ChatWriter {
 public:
  ChatStream(const Service& service, const ChatWriterOptions& options, std::shared_ptr<Sink> sink)
      : ChatWriter(service, options),
        events_(std::move(sink)),
        choices_(options.n, Choice{options.tools, {}}) {}

  bool add(std::size_t i, Piece piece) override {
    Choice& choice = choices_[i];
    choice.tokens.insert(choice.tokens.end(), std::make_move_iterator(piece.tokens.begin()),
                         std::make_move_iterator(piece.tokens.end()));
    return send_part(i, choice.reader.push(piece.text));
  }

  void finish(std::size_t i, FinishReason reason, const Totals* totals) override {
    send_part(i, choices_[i].reader.finish(reason != FinishReason::kStop));
    json::object last = chunk(i, json::object(), reason_text(reason, choices_[i].n_calls > 0));
    if (totals && !options_.include_usage) last["timings"] = timings_json(*totals);
    events_.send(last);
    if (totals == nullptr) return;
    if (options_.include_usage) {
      json::object usage = head("chat.completion.chunk");
      usage["choices"] = json::array();
      usage["usage"] = usage_json(*totals);
      usage["timings"] = timings_json(*totals);
      events_.send(usage);
    }
    events_.done();
  }

  void fail(const ApiError& error) override { events_.fail(error); }

 private:
  struct Choice {
    ToolCallReader reader;
    std::vector<SeenToken> tokens;  // whose text is on its way
    bool has_role = false;
    int64_t n_calls = 0;
  };

  json::object chunk(std::size_t i, json::object delta, const char* reason = nullptr) {
    json::object choice{{"index", i}, {"delta", std::move(delta)}, {"logprobs", nullptr}};
    // Tokens wait for their text, which a reader of calls may hold back.
    if (options_.logprobs && choices_[i].has_role && !choices_[i].tokens.empty()) {
      choice["logprobs"] = logprobs(choices_[i].tokens);
      choices_[i].tokens.clear();
    }
    choice["finish_reason"] = reason ? json::value(reason) : json::value(nullptr);
    json::object made = head("chat.completion.chunk");
    made["choices"] = json::array{std::move(choice)};
    if (options_.include_usage) made["usage"] = nullptr;
    return made;
  }

  bool send_role(std::size_t i) {
    if (choices_[i].has_role) return true;
    const bool is_read =
        events_.send(chunk(i, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}));
    choices_[i].has_role = true;
    return is_read;
  }

  bool send_part(std::size_t i, const ToolCallReader::Part& part) {
    Choice& choice = choices_[i];
    bool is_read = send_role(i);
    if (!part.text.empty()) is_read = events_.send(chunk(i, {{"content", part.text}}));
    for (const ToolCall& call : part.calls) {
      const int64_t index = choice.n_calls++;
      const auto delta = [&](json::object members) {
        members["index"] = index;
        return chunk(i, {{"tool_calls", json::array{std::move(members)}}});
      };
      events_.send(delta({{"id", new_id_("call_")},
                          {"type", "function"},
                          {"function", {{"name", call.name}, {"arguments", ""}}}}));
      is_read = events_.send(delta({{"function", {{"arguments", call.arguments}}}}));
    }
    return is_read;
  }

  EventStream events_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<Writer> make_chat_writer(const Service& service, ChatWriterOptions options,
                                         std::shared_ptr<Sink> sink) {
  if (options.stream) return std::make_unique<ChatStream>(service, options, std::move(sink));
  return std::make_unique<ChatAnswer>(service, options, std::move(sink));
}

}  // namespace onebit::api
