#include "api/responses_writer.h"

#include <boost/json/parse.hpp>
#include <ctime>

#include "api/events.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

class ResponseWriter : public Writer {
 public:
  ResponseWriter(const Service& service, const json::object& echoed)
      : item_id_(service.new_id("msg_")),
        id_(service.new_id("resp_")),
        model_(service.model),
        created_(std::time(nullptr)),
        echoed_(json_text(echoed).substr(1)) {}

 protected:
  json::object part() const {
    return {{"type", "output_text"},
            {"text", text_},
            {"annotations", json::array()},
            {"logprobs", json::array()}};
  }
  json::object item(const char* status) const {
    json::array content;
    if (std::string_view(status) != "in_progress") content.push_back(part());
    return {{"id", item_id_},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"content", std::move(content)}};
  }
  static const char* status_of(FinishReason reason) {
    return reason == FinishReason::kStop ? "completed" : "incomplete";
  }
  // As JSON. Before the end: without totals.
  std::string response(const char* status, const Totals* totals) const {
    const bool is_incomplete = std::string_view(status) == "incomplete";
    json::object made{{"id", id_},        {"object", "response"}, {"created_at", created_},
                      {"status", status}, {"error", nullptr},     {"incomplete_details", nullptr},
                      {"model", model_}};
    if (is_incomplete) made["incomplete_details"] = {{"reason", "max_output_tokens"}};
    made["output"] = totals ? json::array{item(status)} : json::array();
    made["usage"] = nullptr;
    if (totals) {
      made["usage"] = {{"input_tokens", totals->prompt_tokens},
                       {"input_tokens_details", {{"cached_tokens", totals->cached_tokens}}},
                       {"output_tokens", totals->completion_tokens},
                       {"output_tokens_details", {{"reasoning_tokens", 0}}},
                       {"total_tokens", totals->prompt_tokens + totals->completion_tokens}};
      made["timings"] = timings_json(*totals);
    }
    std::string text = json_text(made);
    text.back() = ',';
    return text + echoed_;
  }

  const std::string item_id_;
  std::string text_;

 private:
  const std::string id_;
  const std::string model_;
  const int64_t created_;
  // The rest of a response's text behind its other members: made once, on the thread that prepares,
  // since it may be long and is sent three times by the one that computes.
  const std::string echoed_;
};

class ResponseAnswer : public ResponseWriter {
 public:
  ResponseAnswer(const Service& service, const json::object& echoed, std::shared_ptr<Sink> sink)
      : ResponseWriter(service, echoed), sink_(std::move(sink)) {}

  bool add(std::size_t, Piece piece) override {
    text_ += piece.text;
    return true;
  }
  void finish(std::size_t, FinishReason reason, const Totals* totals) override {
    sink_->respond(200, response(status_of(reason), totals));
  }
  void fail(const ApiError& error) override { sink_->respond(error.status, error.json()); }

 private:
  std::shared_ptr<Sink> sink_;
};

class ResponseStream : public ResponseWriter {
 public:
  ResponseStream(const Service& service, const json::object& echoed, std::shared_ptr<Sink> sink)
      : ResponseWriter(service, echoed), events_(std::move(sink)) {}

  bool add(std::size_t, Piece piece) override {
    begin();
    if (piece.text.empty()) return true;
    text_ += piece.text;
    json::object event = place();
    event["delta"] = piece.text;
    event["logprobs"] = json::array();
    return send("response.output_text.delta", std::move(event));
  }

  void finish(std::size_t, FinishReason reason, const Totals* totals) override {
    begin();
    const char* const status = status_of(reason);
    json::object done = place();
    done["text"] = text_;
    done["logprobs"] = json::array();
    send("response.output_text.done", std::move(done));
    json::object part_done = place();
    part_done["part"] = part();
    send("response.content_part.done", std::move(part_done));
    send("response.output_item.done", {{"output_index", 0}, {"item", item(status)}});
    send_response(std::string("response.") + status, response(status, totals));
    events_.end();
  }

  void fail(const ApiError& error) override {
    if (!events_.has_begun()) {
      events_.fail(error);
      return;
    }
    send("error", {{"code", error.type},
                   {"message", error.message},
                   {"param", nullptr},
                   {"error", json::parse(error.json()).at("error")}});
    events_.end();
  }

 private:
  void begin() {
    if (events_.has_begun()) return;
    const std::string now = response("in_progress", nullptr);
    send_response("response.created", now);
    send_response("response.in_progress", now);
    send("response.output_item.added", {{"output_index", 0}, {"item", item("in_progress")}});
    json::object added = place();
    added["part"] = part();
    send("response.content_part.added", std::move(added));
  }
  json::object place() const {
    return {{"item_id", item_id_}, {"output_index", 0}, {"content_index", 0}};
  }
  bool send(const std::string& name, json::object event) {
    event["type"] = name;
    event["sequence_number"] = next_++;
    return events_.send(name, json_text(event));
  }
  void send_response(const std::string& name, const std::string& response) {
    std::string event = json_text({{"type", name}, {"sequence_number", next_++}});
    event.back() = ',';
    events_.send(name, event + "\"response\":" + response + "}");
  }

  EventStream events_;
  int64_t next_ = 0;
};

}  // namespace

std::unique_ptr<Writer> make_response_writer(const Service& service, bool stream,
                                             const json::object& echoed,
                                             std::shared_ptr<Sink> sink) {
  if (stream) {
    return std::make_unique<ResponseStream>(service, echoed, std::move(sink));
  }
  return std::make_unique<ResponseAnswer>(service, echoed, std::move(sink));
}

}  // namespace onebit::api
