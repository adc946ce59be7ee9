// The variables that a chat template sees.
#pragma once

#include "chat/chat_template.h"
#include "jinja/value.h"

namespace onebit {

// Every string, keys too, is marked `from_user`. Throws Error(kInvalidArgument) for an integer
// above int64.
jinja::Value to_jinja(const boost::json::value& value, bool from_user);

// messages, tools, documents (none), add_generation_prompt, bos_token, eos_token and the extra
// ones. `join_parts`: contents that are lists become one string.
jinja::Value template_context(const ChatRequest& request, const ChatTemplate::Tokens& tokens,
                              bool join_parts);

}  // namespace onebit
