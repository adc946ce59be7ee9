#include "api/tools.h"

#include <algorithm>

#include "api/output_form.h"
#include "base/error.h"
#include "grammar/json_schema.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostNameBytes = 64;

// Schemas move into a larger one: "#/..." in them is to mean the same place still.
void move_references(json::value& schema, const std::string& to) {
  if (schema.is_array()) {
    for (json::value& item : schema.get_array()) move_references(item, to);
  } else if (schema.is_object()) {
    for (auto& [key, item] : schema.get_object()) {
      if (key == "const" || key == "enum" || key == "default" || key == "examples") continue;
      if (key == "$ref" && item.is_string() && item.get_string().starts_with('#')) {
        item = to + std::string(std::string_view(item.get_string()).substr(1));
      } else {
        move_references(item, to);
      }
    }
  }
}

const json::object& function_of(const json::value& tool) {
  return tool.at("function").get_object();
}

std::string read_name(const json::value* name, const std::string& field) {
  if (name == nullptr || !name->is_string()) {
    refuse(field, "a string", name ? found_text(*name) : "none");
  }
  const std::string text(name->get_string());
  const bool is_name = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (text.empty() || text.size() > kMostNameBytes || !is_name) {
    refuse(field, "1 to 64 letters, digits, '_', '-' and '.'", found_text(*name));
  }
  return text;
}

// {"type": "function", "function": {"name"}}
std::string read_named_function(const json::value& value, const std::string& field) {
  if (!value.is_object()) refuse(field, "an object", found_text(value));
  const json::value* const type = value.get_object().if_contains("type");
  if (type == nullptr || *type != "function") {
    refuse(field + ".type", "'function'", type ? found_text(*type) : "none");
  }
  const json::value* const function = value.get_object().if_contains("function");
  if (function == nullptr || !function->is_object()) {
    refuse(field + ".function", "an object", function ? found_text(*function) : "none");
  }
  return read_name(function->get_object().if_contains("name"), field + ".function.name");
}

// Arguments are an object: else nobody could read them as the function's.
void check_parameters(const json::value* parameters, const std::string& field) {
  if (parameters == nullptr || parameters->is_null()) return;
  if (!parameters->is_object()) refuse(field, "an object", found_text(*parameters));
  if (parameters->get_object().empty()) return;
  const json::value* const type = parameters->get_object().if_contains("type");
  if (type == nullptr || *type != "object") {
    refuse(field + ".type", "'object'", type ? found_text(*type) : "none");
  }
}

json::value call_schema(const json::value& tool, const std::string& arguments_key,
                        const std::string& at) {
  json::value parameters{
      {"type", "object"}, {"properties", json::object()}, {"additionalProperties", false}};
  // {} says no more than none: as a schema it would allow any JSON.
  const json::value* const given = function_of(tool).if_contains("parameters");
  if (given && given->is_object() && !given->get_object().empty()) parameters = *given;
  move_references(parameters, at + "/properties/" + arguments_key);
  return {{"type", "object"},
          {"properties",
           {{"name", {{"const", function_of(tool).at("name")}}}, {arguments_key, parameters}}},
          {"required", {"name", arguments_key}},
          {"additionalProperties", false}};
}

void read_choice(const json::value* choice, Tools& tools) {
  if (choice == nullptr) return;
  if (choice->is_string()) {
    const std::string_view text = choice->get_string();
    if (text != "none" && text != "auto" && text != "required") {
      refuse("tool_choice", "'none', 'auto', 'required' or an object", found_text(*choice));
    }
    if (text == "none") tools.choice = Tools::Choice::kNone;
    if (text != "required") return;
  } else {
    const std::string name = read_named_function(*choice, "tool_choice");
    if (std::ranges::count(tools.names, name) == 0) {
      refuse("tool_choice.function.name", "one of the tools", quote(name));
    }
    tools.names = {name};
  }
  if (tools.list.is_null()) refuse("tool_choice", "tools beside it", "none");
  tools.choice = Tools::Choice::kRequired;
}

}  // namespace

ToolStyle tool_style(const ChatTemplate& chat_template, const ChatRequest& request,
                     const std::tm& now) {
  const auto with = chat_template.render(request, now);
  ChatRequest plain = request;
  plain.tools = nullptr;
  std::string text;
  std::string own;  // the template's
  for (const auto& fragment : with) {
    text += fragment.text;
    if (!fragment.from_user) own += fragment.text;
  }
  std::string plain_text;
  for (const auto& fragment : chat_template.render(plain, now)) plain_text += fragment.text;
  if (text == plain_text) return ToolStyle::kNone;
  return own.find("<tool_call>") != std::string::npos ? ToolStyle::kTagged : ToolStyle::kBare;
}

Tools read_tools(const Fields& fields) {
  Tools tools;
  const json::value* const list = fields.find("tools");
  if (list && !list->get_array().empty()) {
    for (const json::value& tool : list->get_array()) {
      const std::string field = "tools[" + std::to_string(tools.names.size()) + "]";
      std::string name = read_named_function(tool, field);
      if (std::ranges::count(tools.names, name) > 0) {
        refuse(field + ".function.name", "a new name", quote(name));
      }
      tools.names.push_back(std::move(name));
      check_parameters(function_of(tool).if_contains("parameters"), field + ".function.parameters");
    }
    tools.list = *list;
    tools.choice = Tools::Choice::kAuto;
  }
  read_choice(fields.find("tool_choice"), tools);
  return tools;
}

std::shared_ptr<const TokenMasks> call_grammar(GrammarCache& grammars, const std::string& tenant,
                                               const Tools& tools, ToolStyle style) {
  const std::string arguments_key = style == ToolStyle::kTagged ? "arguments" : "parameters";
  json::array schemas;
  for (const json::value& tool : tools.list.get_array()) {
    const std::string_view name = function_of(tool).at("name").get_string();
    if (std::ranges::count(tools.names, name) == 0) continue;
    const std::string at =
        tools.names.size() == 1 ? "#" : "#/anyOf/" + std::to_string(schemas.size());
    schemas.push_back(call_schema(tool, arguments_key, at));
  }
  const json::value schema =
      schemas.size() == 1 ? schemas.front() : json::value{{"anyOf", std::move(schemas)}};
  const std::string key = (style == ToolStyle::kTagged ? "tagged\n" : "bare\n") + json_text(schema);
  return get_masks(grammars, tenant, key, "tools", [&] {
    Grammar grammar = json_schema_grammar(schema, "tools");
    if (style == ToolStyle::kTagged) {
      const auto call =
          grammar.sequence({grammar.bytes("<tool_call>\n"), grammar.rule(grammar.root),
                            grammar.bytes("\n</tool_call>")});
      grammar.root = grammar.add("call", call);
    }
    return grammar;
  });
}

}  // namespace onebit::api
