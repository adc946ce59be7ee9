// Answers of /v1/chat/completions.
#pragma once

#include <memory>

#include "api/generation.h"
#include "api/tools.h"

namespace onebit::api {

struct ChatWriterOptions {
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  std::size_t n = 1;
  ToolCallReader tools{ToolStyle::kNone, {}};  // of each answer, a copy
};

std::unique_ptr<Writer> make_chat_writer(const Service& service, ChatWriterOptions options,
                                         std::shared_ptr<Sink> sink);

}  // namespace onebit::api
