// Token ids to text for a reader who sees it grow: only whole characters leave, always valid UTF-8.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace onebit {

class StreamDecoder {
 public:
  // `tokenizer` must outlive the decoder. Control tokens give their text only `with_special`.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool with_special = false)
      : tokenizer_(tokenizer), with_special_(with_special) {}

  // The text that `id` completes; "" while a character is still open. Each maximal invalid subpart
  // becomes one U+FFFD (Unicode 15.0, section 3.9, "U+FFFD Substitution of Maximal Subparts").
  // Throws Error(kInvalidArgument) for an id out of range and then has changed nothing.
  std::string push(int32_t id);

  // What comes goes on after this text, of which nothing is given: not a character that it leaves
  // open either. SentencePiece's first token of a text loses its space, one that goes on does not.
  void follow(std::span<const int32_t> ids);

  // Ends the stream: an open character becomes one U+FFFD. The decoder can be used again.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  const bool with_special_;
  std::string pending_;   // the beginning of a character, at most 3 bytes
  bool at_start_ = true;  // Tokenizer::decode_next
};

// `bytes` with each maximal invalid subpart replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

}  // namespace onebit
