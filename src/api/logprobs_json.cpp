#include "api/logprobs_json.h"

#include <charconv>
#include <cmath>
#include <string>

#include "text/stream_decoder.h"
#include "text/utf8.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

// The shortest decimal that is read as this float, as a double: 0.1f is 0.1.
double shortest(float x) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, x).ptr;
  double value = 0;
  std::from_chars(text, end, value);
  return value;
}

// JSON has no infinity: OpenAI writes -9999 for what is impossible.
double number(float logprob) {
  return std::isfinite(logprob) ? shortest(logprob) : -9999.0;
}

// Completions have nothing but this text to tell tokens by: "bytes:\xe2\x80" of what is no text.
std::string token_key(const Tokenizer& tokenizer, int32_t id) {
  const std::string_view bytes = tokenizer.token_bytes(id, true);
  if (utf8_valid_prefix(bytes) == bytes.size()) return std::string(bytes);
  std::string text = "bytes:";
  for (const char c : bytes) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      text += c;
    } else {
      text += {'\\', 'x', kHex[byte / 16], kHex[byte % 16]};
    }
  }
  return text;
}

json::object entry(const Tokenizer& tokenizer, int32_t id, float logprob) {
  json::array bytes;
  for (const char c : tokenizer.token_bytes(id, true)) bytes.emplace_back(static_cast<uint8_t>(c));
  return {{"token", to_valid_utf8(tokenizer.token_bytes(id, true))},
          {"logprob", number(logprob)},
          {"bytes", std::move(bytes)}};
}

}  // namespace

json::array chat_logprobs(const Tokenizer& tokenizer, const std::vector<SeenToken>& tokens) {
  json::array list;
  for (const SeenToken& token : tokens) {
    json::object one = entry(tokenizer, token.id, token.logprob);
    json::array top;
    for (const auto& other : token.top) {
      top.push_back(entry(tokenizer, other.token, other.logprob));
    }
    one["top_logprobs"] = std::move(top);
    list.push_back(std::move(one));
  }
  return list;
}

json::object completion_logprobs(const Tokenizer& tokenizer, const std::vector<SeenToken>& tokens) {
  json::array texts;
  json::array logprobs;
  json::array tops;
  json::array offsets;
  for (const SeenToken& token : tokens) {
    const std::string text = token_key(tokenizer, token.id);
    texts.emplace_back(text);
    logprobs.emplace_back(number(token.logprob));
    offsets.emplace_back(token.offset);
    json::object top;
    for (const auto& other : token.top) {
      top.emplace(token_key(tokenizer, other.token), number(other.logprob));
    }
    top.emplace(text, number(token.logprob));  // always, as OpenAI does; here if it is not yet
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace onebit::api
