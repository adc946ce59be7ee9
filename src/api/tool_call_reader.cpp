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
    if (arguments == nullptr || arguments->is_null()) return made;
    if (arguments->is_object()) {
      made.arguments = json_text(*arguments);
      return made;
    }
    if (!arguments->is_string()) return {};
    made.arguments = arguments->get_string();  // JSON in JSON
    if (!parse_json(made.arguments, "arguments").is_object()) return {};
    return made;
  } catch (const Error&) {
    return {};
  }
}

// What there is of a call in the beginning of its text, the name "" while it is not complete;
// nothing: no call begins so. Members up to the arguments are strings, and names have no escapes.
std::optional<ToolCall> parse_cut_call(std::string_view text) {
  // False: something else comes. Where the text ends all may come.
  const auto take = [&](char c) {
    text.remove_prefix(first_character(text));
    if (text.empty()) return true;
    if (text[0] != c) return false;
    text.remove_prefix(1);
    return true;
  };
  const auto take_string = [&](std::string_view& out) {
    if (!take('"')) return false;
    const std::size_t end = text.find('"');
    out = end == std::string_view::npos ? "" : text.substr(0, end);
    text.remove_prefix(std::min(end, text.size() - 1) + 1);
    return true;
  };
  ToolCall call;
  for (char before = '{';; before = ',') {
    std::string_view key;
    if (!take(before) || !take_string(key) || !take(':')) return {};
    if (key == "arguments" || key == "parameters") {
      text.remove_prefix(first_character(text));
      if (text.starts_with('{')) call.arguments = text;
      const bool may_be = text.empty() || text[0] == '{' || text[0] == '"';
      return may_be && !call.name.empty() ? std::optional(call) : std::nullopt;
    }
    std::string_view value;
    if (!take_string(value)) return {};
    if (key == "name" || key == "function") call.name = value;
    if (text.empty()) return call;
  }
}

// Bytes at the end of a text that may be the beginning of a tag.
std::size_t begun(std::string_view text, std::string_view tag) {
  std::size_t n = std::min(tag.size() - 1, text.size());
  while (n > 0 && !text.ends_with(tag.substr(0, n))) --n;
  return n;
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

void ToolCallReader::add_call(std::string_view text, std::string_view raw, bool is_cut,
                              Part& part) {
  auto call = parse_call(text);
  if (!call && is_cut) {
    call = parse_cut_call(text);
    if (call && call->name.empty()) return;
  }
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
      const std::size_t close = held_.find(kToolCallEnd);
      if (close == std::string::npos) return;
      const std::string inner = held_.substr(0, close);
      held_.erase(0, close + kToolCallEnd.size());
      in_call_ = false;
      add_call(inner, std::string(kOpen) + inner + std::string(kToolCallEnd), false, part);
      continue;
    }
    const std::size_t open = held_.find(kOpen);
    const std::size_t end = open == std::string::npos ? held_.size() - begun(held_, kOpen) : open;
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

ToolCallReader::Part ToolCallReader::finish(bool is_cut) {
  Part part;
  std::string rest = std::move(held_);
  held_.clear();
  const bool is_tagged = style_ == ToolStyle::kTagged;
  if (is_cut && is_tagged) {
    rest.resize(rest.size() - begun(rest, in_call_ ? kToolCallEnd : kOpen));
  }
  // What is held of a bare answer may be the beginning of a call.
  if (in_call_ || (is_cut && style_ == ToolStyle::kBare)) {
    // The end of an answer ends a call too.
    add_call(rest, is_tagged ? std::string(kOpen) + rest : rest, is_cut, part);
  } else {
    const bool is_nothing = after_call_ && first_character(rest) == rest.size();
    if (!is_nothing) part.text = rest;
  }
  in_call_ = false;
  return part;
}

}  // namespace onebit::api
