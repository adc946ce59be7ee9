// The wire format of Protocol Buffers, as much of it as reading one flat message needs
// (https://protobuf.dev/programming-guides/encoding/).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "io/byte_reader.h"

namespace onebit {

struct ProtobufField {
  uint32_t number = 0;
  uint32_t wire_type = 0;          // 0 varint, 1 fixed64, 2 bytes, 5 fixed32
  uint64_t value = 0;              // of a varint or a fixed one
  std::span<const uint8_t> bytes;  // of wire type 2; a message within it is read the same way
};

// The fields of a message one by one, in file order, known or not. Throws Error(kInvalidFile) for a
// varint of more than 64 bits, a length beyond the message, field number 0 and groups.
class ProtobufReader {
 public:
  // `message` begins every error, e.g. "tokenizer.model: trainer_spec".
  ProtobufReader(std::span<const uint8_t> bytes, std::string message)
      : reader_(bytes, std::move(message), "the end of the message") {}

  std::optional<ProtobufField> next();

  // A field that must have this wire type, converted; `name` is for messages.
  std::string_view text(const ProtobufField& field, const char* name) const;
  std::span<const uint8_t> message(const ProtobufField& field, const char* name) const;
  int64_t integer(const ProtobufField& field, const char* name) const;  // two's complement
  bool boolean(const ProtobufField& field, const char* name) const;
  float number(const ProtobufField& field, const char* name) const;

  [[noreturn]] void fail(std::string_view field, std::string_view expected, std::string_view found,
                         ErrorCode code = ErrorCode::kInvalidFile) const {
    reader_.fail(field, expected, found, code);
  }

 private:
  uint64_t varint(const char* what);
  void expect_type(const ProtobufField& field, uint32_t wire_type, const char* name) const;

  ByteReader reader_;
};

}  // namespace onebit
