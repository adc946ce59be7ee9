#include "chat/chat_template.h"

namespace onebit {
namespace {

// Microsoft, bitnet-b1.58-2B-4T: tokenizer_config.json (2025).
constexpr std::string_view kBitNet =
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ message.role | capitalize }}: {{ message.content | trim }}<|eot_id|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";

constexpr std::string_view kChatMl =
    "{% for message in messages %}"
    "{{ '<|im_start|>' ~ message.role ~ '\n' ~ (message.content or '') ~ '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

constexpr std::string_view kLlama3 =
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' }}"
    "{{ (message.content or '') | trim }}<|eot_id|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{% endif %}";

constexpr std::string_view kFalcon3 =
    "{% for message in messages %}"
    "{{ '<|' ~ message.role ~ '|>\n' ~ (message.content or '') ~ '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}";

// No chat at all: an answer continues its question, a question begins a new line.
constexpr std::string_view kPlainText =
    "{% for message in messages %}"
    "{% if not loop.first and message.role != 'assistant' %}{{ '\n' }}{% endif %}"
    "{{ message.content or '' }}"
    "{% endfor %}";

struct Builtin {
  const char* name;
  std::string_view source;
  std::vector<const char*> special_tokens;  // a vocabulary with all of these was made for it
};

}  // namespace

TemplateSource choose_template(const Tokenizer& tokenizer, std::string_view architecture) {
  const std::string& own = tokenizer.vocab().chat_template;
  if (architecture.starts_with("bitnet") && own.find("BITNETAssistant: ") != std::string::npos) {
    return {std::string(kBitNet), "built-in template of BitNet b1.58 2B-4T"};
  }
  if (!own.empty()) return {own, "tokenizer.chat_template"};
  const Builtin kBuiltins[] = {
      {"built-in template ChatML", kChatMl, {"<|im_start|>", "<|im_end|>"}},
      {"built-in template of Llama 3",
       kLlama3,
       {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
      {"built-in template of Falcon 3", kFalcon3, {"<|system|>", "<|user|>", "<|assistant|>"}},
  };
  for (const auto& builtin : kBuiltins) {
    bool has_all = true;
    for (const char* token : builtin.special_tokens) {
      has_all = has_all && tokenizer.special_id(token) >= 0;
    }
    if (has_all) return {std::string(builtin.source), builtin.name};
  }
  return {std::string(kPlainText), "plain text", false};
}

}  // namespace onebit
