#include "text/stream_decoder.h"

#include "text/utf8.h"

namespace onebit {
namespace {

// Moves what is complete from the front of `bytes` to the result.
std::string take_valid(std::string_view& bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t valid = utf8_valid_prefix(bytes);
    out += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    const Utf8Head head = utf8_head(bytes);
    if (head.kind == Utf8Head::kIncomplete) break;
    out += kReplacementCharacter;
    bytes.remove_prefix(static_cast<std::size_t>(head.length));
  }
  return out;
}

}  // namespace

std::string StreamDecoder::push(int32_t id) {
  const std::string bytes = pending_.append(tokenizer_.decode_next(id, at_start_, with_special_));
  std::string_view rest = bytes;
  std::string out = take_valid(rest);
  pending_ = rest;
  return out;
}

void StreamDecoder::follow(std::span<const int32_t> ids) {
  for (const int32_t id : ids) push(id);
  pending_.clear();
}

std::string StreamDecoder::finish() {
  const bool open = !pending_.empty();
  pending_.clear();
  at_start_ = true;
  return std::string(open ? kReplacementCharacter : std::string_view());
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out = take_valid(bytes);
  if (!bytes.empty()) out += kReplacementCharacter;
  return out;
}

}  // namespace onebit
