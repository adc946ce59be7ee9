// POST /v1/chat/completions.
#include "api/chat_input.h"
#include "api/chat_writer.h"
#include "api/endpoints.h"
#include "api/generation.h"
#include "api/output_form.h"
#include "api/tools.h"

namespace onebit::api {

Call prepare_chat(const Service& service, const boost::json::object& body,
                  const std::string& tenant, std::shared_ptr<Sink> sink) {
  const Fields fields(schema_of("/v1/chat/completions"), body);
  GenerationOptions options = read_options(fields, service, tenant);
  options.n = *fields.integer("n");
  options.max_tokens = fields.has("max_completion_tokens") ? fields.integer("max_completion_tokens")
                                                           : fields.integer("max_tokens");
  options.include_usage = fields.flag("stream_options.include_usage");
  if (fields.flag("logprobs")) {
    options.top_logprobs = static_cast<int>(*fields.integer("top_logprobs"));
  } else if (fields.has("top_logprobs")) {
    refuse("top_logprobs", "logprobs true beside it", "none");
  }

  ChatRequest chat;
  chat.messages = read_messages(*fields.find("messages"));
  const Tools tools = read_tools(fields);
  const bool may_call = tools.choice != Tools::Choice::kNone;
  if (may_call) chat.tools = tools.list;
  const std::tm now = local_time();
  const ToolStyle style =
      may_call ? tool_style(service.chat_template, chat, now) : ToolStyle::kNone;
  if (may_call && style == ToolStyle::kNone) {
    refuse("tools",
           "none (the model's chat template has no tools: " + service.chat_template.name() + ")",
           found_text(tools.list));
  }

  auto masks = read_output_form(fields, service.grammars, tenant, "response_format",
                                "response_format.json_schema.schema", true);
  if (tools.choice == Tools::Choice::kRequired) {
    if (masks) refuse("tool_choice", "no grammar or response_format beside it", "both");
    masks = call_grammar(service.grammars, tenant, tools, style);
    options.stops.clear();  // the grammar says where it ends
  } else if (style == ToolStyle::kTagged && !fields.flag("parallel_tool_calls")) {
    options.stops.emplace_back(kToolCallEnd);
  }

  Prompt prompt{encode_chat(service.engine.tokenizer(), service.chat_template.render(chat, now)),
                "messages", std::move(masks)};
  ChatWriterOptions writer;
  writer.stream = options.stream;
  writer.include_usage = options.include_usage;
  writer.logprobs = options.top_logprobs >= 0;
  writer.n = static_cast<std::size_t>(options.n);
  writer.tools = ToolCallReader(style, tools.names);
  std::vector<Prompt> prompts;
  prompts.push_back(std::move(prompt));
  return make_call(service, options, std::move(prompts),
                   make_chat_writer(service, std::move(writer), std::move(sink)));
}

}  // namespace onebit::api
