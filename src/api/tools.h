// Functions that a model may call: what requests say of them, and what answers say to them.
#pragma once

#include <boost/json/value.hpp>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/grammar_cache.h"
#include "api/schema.h"
#include "chat/chat_template.h"

namespace onebit::api {

// How a model writes a call.
enum class ToolStyle {
  kNone,    // its template does not show it the tools
  kTagged,  // <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call> (Hermes, Qwen)
  kBare,    // an answer that is {"name": ..., "parameters": {...}} (Llama 3)
};
// Finds out by rendering: `request` has tools.
ToolStyle tool_style(const ChatTemplate& chat_template, const ChatRequest& request,
                     const std::tm& now);

struct Tools {
  enum class Choice { kNone, kAuto, kRequired };
  boost::json::value list;         // as they were sent; null: none
  std::vector<std::string> names;  // that may be called
  Choice choice = Choice::kNone;   // a named function: kRequired and one name
};
// The fields "tools" and "tool_choice". Throws ApiError.
Tools read_tools(const Fields& fields);

// Exactly one call of one of the functions, with valid arguments. Throws ApiError for parameters
// that are no schema or an unsupported one.
std::shared_ptr<const TokenMasks> call_grammar(GrammarCache& grammars, const std::string& tenant,
                                               const Tools& tools, ToolStyle style);

// What ends a call of kTagged.
inline constexpr std::string_view kToolCallEnd = "</tool_call>";

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object, or the beginning of one
};

// Tells the calls in an answer from its text, while it grows.
class ToolCallReader {
 public:
  // Calls of other names are text, and so is what has arguments that are no object.
  ToolCallReader(ToolStyle style, std::vector<std::string> names)
      : style_(style), names_(std::move(names)) {}

  struct Part {
    std::string text;  // in front of the calls
    std::vector<ToolCall> calls;
  };
  Part push(std::string_view text);
  // `is_cut`: the answer was to go on. A call that it had begun comes with the arguments so far, or
  // not at all while its name is not known: half a call is no text.
  Part finish(bool is_cut);

 private:
  void read_tagged(Part& part);
  void read_bare(Part& part);
  void add_call(std::string_view text, std::string_view raw, bool is_cut, Part& part);

  ToolStyle style_;
  std::vector<std::string> names_;
  std::string held_;
  bool in_call_ = false;     // kTagged: behind <tool_call>; kBare: what is held looks like a call
  bool after_call_ = false;  // kTagged: white space is no text
};

}  // namespace onebit::api
