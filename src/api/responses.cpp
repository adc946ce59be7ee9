// POST /v1/responses: text in, text out; nothing is stored.
#include <boost/json/array.hpp>

#include "api/chat_input.h"
#include "api/endpoints.h"
#include "api/generation.h"
#include "api/output_form.h"
#include "api/responses_writer.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

std::string string_of(const json::object& object, std::string_view key, const std::string& field) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) {
    refuse(field + "." + std::string(key), "a string", value ? found_text(*value) : "none");
  }
  return std::string(value->get_string());
}

// Parts are input_text and output_text there, text in chats.
json::value read_content(const json::value& content, const std::string& field) {
  if (content.is_string()) return content;
  if (!content.is_array()) refuse(field, "a string or a list of parts", found_text(content));
  json::array parts;
  for (const json::value& part : content.get_array()) {
    const std::string at = field + "[" + std::to_string(parts.size()) + "]";
    if (!part.is_object()) refuse(at, "an object", found_text(part));
    const std::string type = string_of(part.get_object(), "type", at);
    if (type != "input_text" && type != "output_text" && type != "text") {
      refuse(at + ".type", "'input_text' or 'output_text'", found_text(json::value(type)));
    }
    parts.push_back({{"type", "text"}, {"text", string_of(part.get_object(), "text", at)}});
  }
  return parts;
}

json::value read_item(const json::value& item, const std::string& field) {
  if (!item.is_object()) refuse(field, "an object", found_text(item));
  const json::object& object = item.get_object();
  const json::value* const type = object.if_contains("type");
  if (type && !type->is_null() && *type != "message") {
    refuse(field + ".type", "'message'", found_text(*type));
  }
  const std::string role = string_of(object, "role", field);
  const json::value* const content = object.if_contains("content");
  if (content == nullptr) refuse(field + ".content", "a string or a list of parts", "none");
  return {{"role", role}, {"content", read_content(*content, field + ".content")}};
}

std::vector<ChatMessage> read_input(const Fields& fields) {
  json::array messages;
  if (const auto instructions = fields.text("instructions")) {
    messages.push_back(make_message("system", *instructions));
  }
  const json::value& input = *fields.find("input");
  if (input.is_string()) {
    messages.push_back(make_message("user", input.get_string()));
  } else if (input.is_array() && !input.get_array().empty()) {
    std::size_t i = 0;
    for (const json::value& item : input.get_array()) {
      messages.push_back(read_item(item, "input[" + std::to_string(i++) + "]"));
    }
  } else {
    refuse("input", "a string or a list of messages", found_text(input));
  }
  return read_messages(messages);
}

// OpenAI's limits: what comes back thrice in a stream must be small.
void check_metadata(const json::value* metadata) {
  if (metadata == nullptr) return;
  for (const auto& [key, value] : metadata->get_object()) {
    if (count_characters(key) > 64) {
      refuse("metadata", "names of at most 64 characters", std::to_string(count_characters(key)));
    }
    if (!value.is_string()) refuse("metadata", "strings", found_text(value));
    const int64_t n = count_characters(value.get_string());
    if (n > 512) refuse("metadata", "strings of at most 512 characters", std::to_string(n));
  }
}

json::object echo(const Fields& fields) {
  const auto given = [&](const char* name, json::value otherwise) {
    const json::value* const value = fields.find(name);
    return value ? *value : std::move(otherwise);
  };
  return {{"instructions", given("instructions", nullptr)},
          {"max_output_tokens", given("max_output_tokens", nullptr)},
          {"metadata", given("metadata", json::object())},
          {"parallel_tool_calls", fields.flag("parallel_tool_calls")},
          {"previous_response_id", nullptr},
          {"store", false},
          {"temperature", *fields.number("temperature")},
          {"text", {{"format", given("text.format", {{"type", "text"}})}}},
          {"tool_choice", given("tool_choice", "auto")},
          {"tools", json::array()},
          {"top_p", *fields.number("top_p")},
          {"truncation", "disabled"}};
}

}  // namespace

Call prepare_response(const Service& service, const json::object& body, const std::string& tenant,
                      std::shared_ptr<Sink> sink) {
  const Fields fields(schema_of("/v1/responses"), body);
  GenerationOptions options = read_options(fields, service, tenant);
  options.max_tokens = fields.integer("max_output_tokens");
  auto masks = read_output_form(fields, service.grammars, tenant, "text.format",
                                "text.format.schema", false);
  check_metadata(fields.find("metadata"));
  ChatRequest chat;
  chat.messages = read_input(fields);
  std::vector<Prompt> prompts;
  prompts.push_back(
      {encode_chat(service.engine.tokenizer(), service.chat_template.render(chat, local_time())),
       "input", std::move(masks)});
  return make_call(service, options, std::move(prompts),
                   make_response_writer(service, options.stream, echo(fields), std::move(sink)));
}

}  // namespace onebit::api
