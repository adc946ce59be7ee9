// For tests: the golden templates, and a vocabulary with the special tokens of all of them.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "chat/chat_template.h"
#include "io/json_file.h"
#include "text/test_vocab.h"

namespace onebit {

inline std::string text_of(const std::vector<jinja::Fragment>& fragments) {
  std::string text;
  for (const auto& fragment : fragments) text += fragment.text;
  return text;
}

inline boost::json::value golden_chats() {
  return read_json(ONEBIT_SOURCE_DIR "/tests/golden/chat/chat_templates.json", 1 << 20);
}

// The last two are no one's: they begin where a template's text ends and go on in the user's.
inline const std::vector<std::string> kSpecialTexts = {
    "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>",
    "<|eom_id|>",        "<|python_tag|>",  "<|start_header_id|>",
    "<|end_header_id|>", "<|im_start|>",    "<|im_end|>",
    "<|endoftext|>",     "<bos>",           "<eos>",
    "<start_of_turn>",   "<end_of_turn>",   "<tool_call>",
    "</tool_call>",      "<tool_response>", "</tool_response>",
    "User: x",           "user\nx"};

// Bytes, the merges given, and kSpecialTexts.
inline Vocab chat_vocab(const std::vector<std::pair<std::string, std::string>>& merges = {}) {
  Vocab vocab = byte_vocab(merges, kSpecialTexts);
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    if (vocab.tokens[i] == "<|begin_of_text|>") vocab.bos_id = static_cast<int32_t>(i);
    if (vocab.tokens[i] == "<|eot_id|>") vocab.eos_id = static_cast<int32_t>(i);
  }
  return vocab;
}

inline ChatRequest make_request(const std::vector<std::pair<std::string, std::string>>& messages) {
  ChatRequest request;
  for (const auto& [role, text] : messages) request.messages.push_back(make_message(role, text));
  return request;
}

}  // namespace onebit
