#include <algorithm>
#include <optional>

#include "api/tools.h"
#include "base/error.h"
#include "io/json_file.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kOpen = "<tool_call>";
constexpr std::string_view kClose = "</tool_call>";
constexpr std::string_view kSpace = " \t\r\n";

std::size_t first_character(std::string_view text) {
  return std::min(text.find_first_not_of(kSpace), text.size());
}

// A JSON object that says which function and with what; nothing: the text is none.
std::optional<ToolCall> parse_call(std::string_view text) {
  try {
    const json::value value = parse_json(text, "call");
    if (!value.is_object()) return {};
    const json::object& call = value.get_object();
    const json::value* name = call.if_contains("name");
    if (name == nullptr) name = call.if_contains("function");
    if (name == nullptr || !name->is_string()) return {};
    const json::value* arguments = call.if_contains("arguments");
    if (arguments == nullptr) arguments = call.if_contains("parameters");
    ToolCall made{std::string(name->get_string()), "{}"};
    if (arguments && arguments->is_object()) made.arguments = json_text(*arguments);
    if (arguments && arguments->is_string()) {  // JSON in JSON
      made.arguments = arguments->get_string();
      if (!parse_json(made.arguments, "arguments").is_object()) return {};
    }
    return made;
  } catch (const Error&) {
    return {};
  }
}

// Whether a text may be the beginning of a call, may not, or is one: {"name" or {"type" or
// {"function", with white space anywhere.
enum class Look { kMaybe, kNo, kYes };
Look look_at(std::string_view text) {
  text.remove_prefix(first_character(text));
  if (text.empty()) return Look::kMaybe;
  if (text[0] != '{') return Look::kNo;
  text.remove_prefix(1);
  text.remove_prefix(first_character(text));
  Look look = Look::kNo;
  for (const std::string_view key : {"\"name\"", "\"type\"", "\"function\""}) {
    if (text.starts_with(key)) return Look::kYes;
    if (key.starts_with(text)) look = Look::kMaybe;
  }
  return look;
}

}  // namespace

ToolCallReader::Part ToolCallReader::push(std::string_view text) {
  Part part;
  if (style_ == ToolStyle::kNone) {
    part.text = text;
    return part;
  }
  held_ += text;
  style_ == ToolStyle::kTagged ? read_tagged(part) : read_bare(part);
  return part;
}

void ToolCallReader::add_call(std::string_view text, std::string_view raw, Part& part) {
  auto call = parse_call(text);
  if (call && std::ranges::count(names_, call->name) > 0) {
    part.calls.push_back(std::move(*call));
    after_call_ = true;
  } else {
    part.text += raw;
  }
}

void ToolCallReader::read_tagged(Part& part) {
  for (;;) {
    if (in_call_) {
      const std::size_t close = held_.find(kClose);
      if (close == std::string::npos) return;
      const std::string inner = held_.substr(0, close);
      held_.erase(0, close + kClose.size());
      in_call_ = false;
      add_call(inner, std::string(kOpen) + inner + std::string(kClose), part);
      continue;
    }
    const std::size_t open = held_.find(kOpen);
    std::size_t end = std::min(open, held_.size());
    if (open == std::string::npos) {  // keep what may be a beginning
      for (std::size_t n = std::min(kOpen.size() - 1, end); n > 0; --n) {
        if (!held_.ends_with(kOpen.substr(0, n))) continue;
        end -= n;
        break;
      }
    }
    // White space in front of a call and behind one is no text: keep it till it is known.
    const std::size_t last = std::string_view(held_).substr(0, end).find_last_not_of(kSpace);
    const std::size_t n = last == std::string::npos ? 0 : last + 1;
    if (n > 0) {
      part.text += std::string_view(held_)
                       .substr(after_call_ ? first_character(held_) : 0)
                       .substr(0, after_call_ ? n - first_character(held_) : n);
      after_call_ = false;
    }
    if (open == std::string::npos) {
      held_.erase(0, n);
      return;
    }
    held_.erase(0, open + kOpen.size());
    in_call_ = true;
  }
}

void ToolCallReader::read_bare(Part& part) {
  if (in_call_) return;  // till the end
  const Look look = look_at(held_);
  if (look == Look::kYes) in_call_ = true;
  if (look != Look::kNo) return;
  part.text = std::move(held_);
  held_.clear();
  style_ = ToolStyle::kNone;  // an answer is a call from its beginning, or none
}

ToolCallReader::Part ToolCallReader::finish() {
  Part part;
  const std::string rest = std::move(held_);
  held_.clear();
  if (!in_call_) {
    const bool is_nothing = after_call_ && first_character(rest) == rest.size();
    if (!is_nothing) part.text = rest;
  } else {  // the end of an answer ends a call too
    add_call(rest, style_ == ToolStyle::kTagged ? std::string(kOpen) + rest : rest, part);
  }
  in_call_ = false;
  return part;
}

}  // namespace onebit::api
