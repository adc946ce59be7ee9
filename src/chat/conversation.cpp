#include "chat/conversation.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/stream_decoder.h"

namespace onebit {

Conversation::Conversation(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                           int64_t context)
    : template_(chat_template), tokenizer_(tokenizer), context_(context) {}

std::size_t Conversation::n_system() const {
  const auto is_other = [](const ChatMessage& m) {
    return role_of(m) != "system" && role_of(m) != "developer";
  };
  return static_cast<std::size_t>(std::ranges::find_if(messages_, is_other) - messages_.begin());
}

void Conversation::set_system(std::string_view text) {
  messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(n_system()));
  if (!text.empty()) {
    messages_.insert(messages_.begin(), make_message("system", to_valid_utf8(text)));
  }
}

void Conversation::add(std::string_view role, std::string_view text) {
  messages_.push_back(make_message(role, to_valid_utf8(text)));
}

void Conversation::pop() {
  ONEBIT_CHECK(!messages_.empty());
  messages_.pop_back();
  n_dropped_ = std::min(n_dropped_, messages_.size() - n_system());
}

void Conversation::clear() {
  messages_.resize(n_system());
  n_dropped_ = 0;
}

void Conversation::load(std::vector<ChatMessage> messages) {
  messages_ = std::move(messages);
  n_dropped_ = 0;
}

std::vector<int32_t> Conversation::encode_from(std::size_t first, const std::tm& now) const {
  const auto begin = messages_.begin();
  ChatRequest request;
  request.messages.assign(begin, begin + static_cast<std::ptrdiff_t>(n_system()));
  request.messages.insert(request.messages.end(), begin + static_cast<std::ptrdiff_t>(first),
                          messages_.end());
  return encode_chat(tokenizer_, template_.render(request, now));
}

Conversation::Prompt Conversation::prompt(int64_t answer_tokens, const std::tm& now) {
  const std::size_t n_kept = n_system();
  const int64_t reserve = std::min(answer_tokens, context_ / 4);
  auto ids = encode_from(n_kept + n_dropped_, now);
  if (std::ssize(ids) > context_ - std::max<int64_t>(reserve, 1)) {
    std::vector<std::size_t> turns;  // where the prompt could begin
    for (std::size_t i = n_kept + n_dropped_ + 1; i < messages_.size(); ++i) {
      if (role_of(messages_[i]) == "user") turns.push_back(i);
    }
    // By halves: rendering for each of very many turns would take quadratic time.
    std::size_t low = 0;
    for (std::size_t high = turns.size(); low < high;) {
      const std::size_t middle = (low + high) / 2;
      ids = encode_from(turns[middle], now);
      if (std::ssize(ids) <= context_ / 2) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (!turns.empty()) {
      const std::size_t first = turns[std::min(low, turns.size() - 1)];
      n_dropped_ = first - n_kept;
      ids = encode_from(first, now);
    }
  }
  if (std::ssize(ids) >= context_) {
    throw Error(ErrorCode::kInvalidArgument,
                "message: expected fewer than " + std::to_string(context_) +
                    " tokens (the context), found " + std::to_string(ids.size()));
  }
  if (ids.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "message: expected text (this model has no start token), found none");
  }
  return {std::move(ids), static_cast<int64_t>(n_dropped_)};
}

}  // namespace onebit
