// POST /v1/completions.
#include <ctime>

#include "api/endpoints.h"
#include "api/events.h"
#include "api/generation.h"
#include "api/logprobs_json.h"
#include "api/output_form.h"
#include "api/token_input.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

const char* finish_text(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

class CompletionWriter : public Writer {
 public:
  CompletionWriter(const Service& service, const GenerationOptions& options)
      : tokenizer_(service.engine.tokenizer()),
        wants_logprobs_(options.top_logprobs >= 0),
        id_(service.new_id("cmpl-")),
        model_(service.model),
        created_(std::time(nullptr)) {}

 protected:
  json::object head() const {
    return {{"id", id_},
            {"object", "text_completion"},
            {"created", created_},
            {"model", model_},
            {"system_fingerprint", "onebit"}};
  }
  json::object choice(std::size_t index, const Piece& piece, const char* reason) const {
    json::object made{{"text", piece.text}, {"index", index}, {"logprobs", nullptr}};
    if (wants_logprobs_) made["logprobs"] = completion_logprobs(tokenizer_, piece.tokens);
    made["finish_reason"] = reason ? json::value(reason) : json::value(nullptr);
    return made;
  }

 private:
  const Tokenizer& tokenizer_;
  const bool wants_logprobs_;
  const std::string id_;
  const std::string model_;
  const int64_t created_;
};

class CompletionAnswer : public CompletionWriter {
 public:
  CompletionAnswer(const Service& service, const GenerationOptions& options, std::size_t n,
                   std::shared_ptr<Sink> sink)
      : CompletionWriter(service, options), sink_(std::move(sink)), choices_(n) {}

  bool add(std::size_t i, Piece piece) override {
    choices_[i].piece.text += piece.text;
    auto& tokens = choices_[i].piece.tokens;
    tokens.insert(tokens.end(), std::make_move_iterator(piece.tokens.begin()),
                  std::make_move_iterator(piece.tokens.end()));
    return true;
  }
  void finish(std::size_t i, FinishReason reason, const Totals* totals) override {
    choices_[i].reason = finish_text(reason);
    if (totals == nullptr) return;
    json::object answer = head();
    json::array list;
    for (std::size_t k = 0; k < choices_.size(); ++k) {
      list.push_back(choice(k, choices_[k].piece, choices_[k].reason));
    }
    answer["choices"] = std::move(list);
    answer["usage"] = usage_json(*totals);
    answer["timings"] = timings_json(*totals);
    sink_->respond(200, json_text(answer));
  }
  void fail(const ApiError& error) override { sink_->respond(error.status, error.json()); }

 private:
  struct Choice {
    Piece piece;
    const char* reason = nullptr;
  };
  std::shared_ptr<Sink> sink_;
  std::vector<Choice> choices_;
};

class CompletionStream : public CompletionWriter {
 public:
  CompletionStream(const Service& service, const GenerationOptions& options,
                   std::shared_ptr<Sink> sink)
      : CompletionWriter(service, options),
        include_usage_(options.include_usage),
        events_(std::move(sink)) {}

  bool add(std::size_t i, Piece piece) override {
    return events_.send(chunk({choice(i, piece, nullptr)}));
  }
  void finish(std::size_t i, FinishReason reason, const Totals* totals) override {
    json::object last = chunk({choice(i, {}, finish_text(reason))});
    if (totals && !include_usage_) last["timings"] = timings_json(*totals);
    events_.send(last);
    if (totals == nullptr) return;
    if (include_usage_) {
      json::object usage = chunk({});
      usage["usage"] = usage_json(*totals);
      usage["timings"] = timings_json(*totals);
      events_.send(usage);
    }
    events_.done();
  }
  void fail(const ApiError& error) override { events_.fail(error); }

 private:
  json::object chunk(json::array choices) const {
    json::object made = head();
    made["choices"] = std::move(choices);
    if (include_usage_) made["usage"] = nullptr;
    return made;
  }

  const bool include_usage_;
  EventStream events_;
};

}  // namespace

Call prepare_completion(const Service& service, const json::object& body, const std::string& tenant,
                        std::shared_ptr<Sink> sink) {
  const Fields fields(schema_of("/v1/completions"), body);
  GenerationOptions options = read_options(fields, service, tenant);
  options.max_tokens = fields.integer("max_tokens");
  options.n = *fields.integer("n");
  options.include_usage = fields.flag("stream_options.include_usage");
  options.top_logprobs = static_cast<int>(fields.integer("logprobs").value_or(-1));
  const auto masks = read_output_form(fields, service.grammars, tenant, "response_format",
                                      "response_format.json_schema.schema", true);
  std::vector<Prompt> prompts;
  for (auto& input : read_token_input(*fields.find("prompt"), "prompt", 16,
                                      service.engine.tokenizer(), {.add_bos = true})) {
    prompts.push_back({std::move(input.ids), std::move(input.field), masks});
  }
  const std::size_t n = prompts.size() * static_cast<std::size_t>(options.n);
  std::unique_ptr<Writer> writer;
  if (options.stream) {
    writer = std::make_unique<CompletionStream>(service, options, std::move(sink));
  } else {
    writer = std::make_unique<CompletionAnswer>(service, options, n, std::move(sink));
  }
  return make_call(service, options, std::move(prompts), std::move(writer));
}

}  // namespace onebit::api
