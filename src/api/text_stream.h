// From tokens to the text that a client may see: whole characters, up to a stop string.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "text/stream_decoder.h"

namespace onebit::api {

int64_t count_characters(std::string_view utf8);

// A token whose text has been given out.
struct SeenToken {
  int32_t id;
  float logprob;
  std::vector<TokenLogprob> top;
  int64_t offset;  // characters of the answer in front of it
};

// What an answer goes on with.
struct Piece {
  std::string text;
  std::vector<SeenToken> tokens;  // where they were asked for
  bool empty() const { return text.empty() && tokens.empty(); }
};

// Gives out text as soon as it cannot become a stop string. What comes out does not depend on
// where tokens end: the stop string that is complete first counts, of several the longest.
class TextStream {
 public:
  // `decoder`: after the tokens of the prompt. Stop strings are not empty.
  TextStream(StreamDecoder decoder, std::vector<std::string> stops, bool wants_tokens)
      : decoder_(std::move(decoder)), stops_(std::move(stops)), wants_tokens_(wants_tokens) {}

  Piece push(const TokenEvent& event);
  // The rest: an open character, what only began as a stop string.
  Piece finish();
  // A stop string was found: nothing comes any more.
  bool stopped() const { return stopped_; }

 private:
  struct HeldToken {
    SeenToken token;
    std::size_t begin;  // bytes of the whole text
    std::size_t end;    // kOpen: the character is not complete
  };
  static constexpr std::size_t kOpen = SIZE_MAX;

  Piece append(std::string_view text, bool is_last);
  std::size_t find_stop();            // where in held_ it begins; npos: none
  std::size_t possible_stop() const;  // the bytes at the end of held_ that may become one

  StreamDecoder decoder_;
  std::vector<std::string> stops_;
  bool wants_tokens_;
  bool stopped_ = false;
  std::string held_;         // not given out yet
  std::size_t checked_ = 0;  // no stop string ends in these first bytes of it
  std::size_t given_ = 0;    // bytes given out
  int64_t characters_ = 0;   // of all text so far
  std::deque<HeldToken> tokens_;
};

}  // namespace onebit::api
