#include "api/text_stream.h"

#include <algorithm>

namespace onebit::api {

int64_t count_characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (c & 0xc0) != 0x80; });
}

Piece TextStream::push(const TokenEvent& event) {
  if (stopped_) return {};
  if (wants_tokens_) {
    tokens_.push_back({{event.token, event.logprob, {event.top.begin(), event.top.end()}, 0},
                       given_ + held_.size(),
                       kOpen});
    tokens_.back().token.offset = characters_;
  }
  return append(decoder_.push(event.token), false);
}

Piece TextStream::finish() {
  if (stopped_) return {};
  return append(decoder_.finish(), true);
}

Piece TextStream::append(std::string_view text, bool is_last) {
  held_ += text;
  characters_ += count_characters(text);
  // Several tokens may share a character; all of them end with it.
  if (!text.empty() || is_last) {
    for (HeldToken& held : tokens_) {
      if (held.end == kOpen) held.end = given_ + held_.size();
    }
  }
  const std::size_t stop = find_stop();
  stopped_ = stop != std::string::npos;
  const std::size_t n = stopped_ ? stop : is_last ? held_.size() : held_.size() - possible_stop();
  Piece piece;
  piece.text = held_.substr(0, n);
  held_.erase(0, n);
  checked_ = held_.size();
  given_ += n;
  const auto is_out = [&](const HeldToken& held) {
    return stopped_ ? held.begin < given_ : held.end <= given_;
  };
  while (!tokens_.empty() && is_out(tokens_.front())) {
    piece.tokens.push_back(std::move(tokens_.front().token));
    tokens_.pop_front();
  }
  return piece;
}

std::size_t TextStream::find_stop() {
  std::size_t first_end = std::string::npos;
  std::size_t begin = std::string::npos;
  for (const std::string& stop : stops_) {
    // The first that ends behind what was checked.
    const std::size_t from = checked_ + 1 > stop.size() ? checked_ + 1 - stop.size() : 0;
    const std::size_t at = held_.find(stop, from);
    if (at == std::string::npos) continue;
    const std::size_t end = at + stop.size();
    if (begin == std::string::npos || end < first_end || (end == first_end && at < begin)) {
      first_end = end;
      begin = at;
    }
  }
  return begin;
}

std::size_t TextStream::possible_stop() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

}  // namespace onebit::api
