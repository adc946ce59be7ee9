#include "chat/chat_template.h"

#include <utility>

#include "base/error.h"
#include "chat/template_context.h"

namespace onebit {
namespace {

jinja::Template parse(const std::string& source, const std::string& where) {
  try {
    return jinja::Template(source);
  } catch (const Error& error) {
    throw Error(error.code(), where + ": " + error.what());
  }
}

}  // namespace

ChatTemplate::ChatTemplate(const std::string& source, Tokens tokens, const std::string& where)
    : name_(where),
      tokens_(std::move(tokens)),
      template_(parse(source, where)),
      reads_parts_(find_out_whether_it_reads_parts()) {}

ChatTemplate::ChatTemplate(const Tokenizer& tokenizer, std::string_view architecture)
    : ChatTemplate([&] {
        const TemplateSource chosen = choose_template(tokenizer, architecture);
        ChatTemplate made(chosen.text, token_texts(tokenizer.vocab()), chosen.name);
        made.is_chat_ = chosen.is_chat;
        return made;
      }()) {}

// Templates that know only strings print a list as Python's repr, or fail.
bool ChatTemplate::find_out_whether_it_reads_parts() const {
  static constexpr std::string_view kText = "a part of a content";
  ChatRequest request;
  request.messages.push_back(
      {{"role", "user"}, {"content", {{{"type", "text"}, {"text", kText}}}}});
  std::string output;
  try {
    const auto context = template_context(request, tokens_, false);
    for (const auto& fragment : template_.render(context)) output += fragment.text;
  } catch (const Error&) {
    return false;
  }
  const std::size_t at = output.find(kText);
  if (at == std::string::npos) return false;
  const char behind = at + kText.size() < output.size() ? output[at + kText.size()] : ' ';
  return behind != '\'' && behind != '"';
}

std::vector<jinja::Fragment> ChatTemplate::render(const ChatRequest& request,
                                                  const std::tm& now) const {
  return template_.render(template_context(request, tokens_, !reads_parts_), {now});
}

ChatTemplate::Tokens token_texts(const Vocab& vocab) {
  const auto text = [&](int32_t id) -> std::optional<std::string> {
    if (id < 0) return std::nullopt;
    return vocab.tokens[static_cast<std::size_t>(id)];
  };
  return {text(vocab.bos_id), text(vocab.eos_id)};
}

std::vector<int32_t> encode_chat(const Tokenizer& tokenizer,
                                 std::span<const jinja::Fragment> fragments) {
  std::string text;
  std::vector<ByteRange> user_ranges;
  for (const auto& fragment : fragments) {
    if (fragment.from_user) {
      user_ranges.push_back({text.size(), text.size() + fragment.text.size()});
    }
    text += fragment.text;
  }
  auto ids = tokenizer.encode(text, {.parse_special = true, .user_ranges = user_ranges});
  const Vocab& vocab = tokenizer.vocab();
  if (vocab.add_bos && (ids.empty() || ids[0] != vocab.bos_id)) {
    ids.insert(ids.begin(), vocab.bos_id);
  }
  return ids;
}

}  // namespace onebit
