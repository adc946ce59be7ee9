// How a model wants a chat written down, and the tokens that this becomes.
#pragma once

#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/request.h"
#include "jinja/template.h"
#include "text/tokenizer.h"

namespace onebit {

class ChatTemplate {
 public:
  // The variables bos_token and eos_token; undefined if not given.
  struct Tokens {
    std::optional<std::string> bos;
    std::optional<std::string> eos;
  };

  // `source` in Jinja. Throws Error(kInvalidFile) "WHERE: template line N: ...".
  ChatTemplate(const std::string& source, Tokens tokens,
               const std::string& where = "chat template");

  // What the model's file says, or what builtin_template (below) knows better.
  ChatTemplate(const Tokenizer& tokenizer, std::string_view architecture);

  // Where the template is from, for people.
  const std::string& name() const { return name_; }
  const jinja::Template& compiled() const { return template_; }
  // False: the model has no chat template, and what is written is continued as plain text.
  bool is_chat() const { return is_chat_; }

  // The chat as text. Everything in the request is the user's, but for the roles that every
  // template knows; special tokens may be read in the other fragments. `now`: local time, for
  // strftime_now. Contents in parts are joined by line ends for templates that know only strings.
  // Throws Error(kInvalidArgument) "template line N: ...".
  std::vector<jinja::Fragment> render(const ChatRequest& request, const std::tm& now) const;

 private:
  bool find_out_whether_it_reads_parts() const;

  std::string name_;
  bool is_chat_ = true;
  Tokens tokens_;
  jinja::Template template_;
  bool reads_parts_;
};

ChatTemplate::Tokens token_texts(const Vocab& vocab);

struct TemplateSource {
  std::string text;
  std::string name;
  bool is_chat = true;
};

// The template of a model: Vocab::chat_template, except
// - that of BitNet b1.58 2B-4T (architecture bitnet*, the placeholder "BITNETAssistant: " that its
//   converter wrote), which becomes the published one;
// - none: ChatML, Llama 3 or Falcon 3 if the vocabulary has their special tokens, else the contents
//   one after the other, for the model to continue (is_chat false).
TemplateSource choose_template(const Tokenizer& tokenizer, std::string_view architecture);

// The tokens of a rendered chat. Special tokens are read in the template's text only and never from
// a byte of the user's; ordinary tokens merge across the borders of fragments, as if the text had
// one author. Begins with BOS, once, if the vocabulary wants it or the template wrote it.
std::vector<int32_t> encode_chat(const Tokenizer& tokenizer,
                                 std::span<const jinja::Fragment> fragments);

}  // namespace onebit
