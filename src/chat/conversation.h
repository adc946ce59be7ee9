// A conversation that grows: its history, and the prompt that it makes for the next answer.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_template.h"
#include "chat/request.h"
#include "text/tokenizer.h"

namespace onebit {

class Conversation {
 public:
  // Both must outlive it. `context`: how many tokens a prompt and its answer may take together.
  Conversation(const ChatTemplate& chat_template, const Tokenizer& tokenizer, int64_t context);

  // Oldest first; also those that no longer fit the context. System messages come first.
  const std::vector<ChatMessage>& messages() const { return messages_; }

  // Replaces the system messages; "" removes them.
  void set_system(std::string_view text);
  // What is not valid UTF-8 becomes U+FFFD.
  void add(std::string_view role, std::string_view text);
  // Takes the newest message back.
  void pop();
  // Forgets all but the system messages.
  void clear();
  // Replaces everything.
  void load(std::vector<ChatMessage> messages);

  struct Prompt {
    std::vector<int32_t> ids;  // never empty, fewer than the context
    int64_t n_dropped;         // messages that are left out, over all
  };

  // The tokens up to where the answer begins. A turn is a user's message with all that follows it
  // up to the next one. When the prompt leaves less than `answer_tokens`, or a quarter of the
  // context if that is less, the oldest turns are left out, now and later, until it takes no more
  // than half of the context: dropping turns one by one would process all the others anew each
  // time. The system messages and the last turn stay. Throws Error(kInvalidArgument) if these alone
  // do not fit, or as ChatTemplate::render.
  Prompt prompt(int64_t answer_tokens, const std::tm& now);

 private:
  std::size_t n_system() const;
  std::vector<int32_t> encode_from(std::size_t first, const std::tm& now) const;

  const ChatTemplate& template_;
  const Tokenizer& tokenizer_;
  const int64_t context_;
  std::vector<ChatMessage> messages_;
  std::size_t n_dropped_ = 0;  // behind the system messages
};

}  // namespace onebit
