#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chat/chat_template.h"
#include "chat/template_context.h"
#include "cli/cli.h"
#include "io/json_file.h"
#include "models/loader.h"

namespace onebit {
namespace {

struct TemplateFlags {
  std::string model;
  std::string file;
};

[[noreturn]] void fail(const std::string& where, std::string_view expected,
                       std::string_view found) {
  throw Error(ErrorCode::kInvalidArgument, "request: " + where + ": expected " +
                                               std::string(expected) + ", found " +
                                               std::string(found));
}

// Removes the key; null if it is not there.
boost::json::value take(boost::json::object& request, std::string_view key) {
  const auto at = request.find(key);
  if (at == request.end()) return nullptr;
  boost::json::value value = std::move(at->value());
  request.erase(at);
  return value;
}

std::optional<std::string> take_text(boost::json::object& request, std::string_view key) {
  const auto value = take(request, key);
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) fail(std::string(key), "a string", kind_name(value));
  return std::string(value.get_string());
}

std::tm take_time(boost::json::object& request) {
  std::tm now{};
  const auto text = take_text(request, "now");
  if (!text) {
    const std::time_t seconds = std::time(nullptr);
    localtime_r(&seconds, &now);
    return now;
  }
  const char* const end = strptime(text->c_str(), "%Y-%m-%dT%H:%M:%S", &now);
  if (end == nullptr || *end != '\0') fail("now", "a time like 2025-06-15T12:34:56", quote(*text));
  return now;
}

void render(const TemplateFlags& flags) {
  TemplateSource source;
  ChatTemplate::Tokens tokens;
  if (!flags.file.empty()) {
    source = {read_text(flags.file), flags.file};
  } else {
    const ModelFile file = open_model_file(flags.model);
    const auto tokenizer = load_tokenizer(file);
    source = choose_template(*tokenizer, file.metadata().get_string("general.architecture"));
    tokens = token_texts(tokenizer->vocab());
  }
  auto request = parse_json(read_stdin(), "request");
  if (!request.is_object()) fail("JSON", "an object", kind_name(request));
  auto& members = request.get_object();
  const std::tm now = take_time(members);
  if (auto text = take_text(members, "bos_token")) tokens.bos = std::move(text);
  if (auto text = take_text(members, "eos_token")) tokens.eos = std::move(text);
  const ChatTemplate chat_template(source.text, tokens, source.name);

  std::vector<jinja::Fragment> fragments;
  if (const auto* const context = members.if_contains("context")) {
    if (members.size() > 1) fail("context", "to be alone", "other keys beside it");
    if (!context->is_object()) fail("context", "an object", kind_name(*context));
    fragments = chat_template.compiled().render(to_jinja(*context, false), {now});
  } else {
    fragments = chat_template.render(parse_chat_request(request), now);
  }
  for (const auto& [text, from_user] : fragments) std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

void add_template(CLI::App& app) {
  auto flags = std::make_shared<TemplateFlags>();
  auto& c =
      *app.add_subcommand("template", "A chat on stdin (JSON) to the model's prompt on stdout");
  add_model_argument(c, flags->model);
  c.add_option("--template", flags->file, "Jinja file to use instead of a model's");
  c.footer(
      "Keys of the request: messages; tools, add_generation_prompt (default true), bos_token,\n"
      "eos_token, extra (an object of further variables), now (\"2025-06-15T12:34:56\"). Or "
      "context:\n"
      "an object of variables that is used as it is.\n"
      "Example:\n"
      "  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}' | onebit template "
      "model.gguf");
  c.callback([flags] { render(*flags); });
}

}  // namespace onebit
