#include "api/logprobs_json.h"

#include <charconv>
#include <cmath>

#include "io/json_text.h"
#include "text/stream_decoder.h"

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

std::string token_text(const Tokenizer& tokenizer, int32_t id) {
  return to_valid_utf8(tokenizer.token_bytes(id, true));
}

json::object entry(const Tokenizer& tokenizer, int32_t id, float logprob) {
  json::array bytes;
  for (const char c : tokenizer.token_bytes(id, true)) bytes.emplace_back(static_cast<uint8_t>(c));
  return {{"token", token_text(tokenizer, id)},
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
    texts.emplace_back(token_text(tokenizer, token.id));
    logprobs.emplace_back(number(token.logprob));
    offsets.emplace_back(token.offset);
    json::object top;
    for (const auto& other : token.top) {
      top.emplace(token_text(tokenizer, other.token), number(other.logprob));
    }
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace onebit::api
