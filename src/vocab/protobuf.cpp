#include "vocab/protobuf.h"

#include <bit>

namespace onebit {

uint64_t ProtobufReader::varint(const char* what) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = reader_.read<uint8_t>(what);
    if (shift == 63 && byte > 1) break;  // bits that 64 do not hold
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  reader_.fail(what, "a varint of at most 64 bits", "a longer one");
}

std::optional<ProtobufField> ProtobufReader::next() {
  if (reader_.left() == 0) return std::nullopt;
  const uint64_t tag = varint("tag");
  ProtobufField field;
  field.wire_type = static_cast<uint32_t>(tag & 7);
  if (tag >> 3 == 0 || tag >> 3 >= uint64_t{1} << 29) {
    reader_.fail("tag", "field number 1 to 536870911", std::to_string(tag >> 3));
  }
  field.number = static_cast<uint32_t>(tag >> 3);
  switch (field.wire_type) {
    case 0:
      field.value = varint("varint");
      break;
    case 1:
      field.value = reader_.read<uint64_t>("fixed64");
      break;
    case 2:
      field.bytes = reader_.take(varint("length"), "length");
      break;
    case 5:
      field.value = reader_.read<uint32_t>("fixed32");
      break;
    default:  // 3 and 4 are groups, given up long ago
      reader_.fail("field " + std::to_string(field.number), "wire type 0, 1, 2 or 5",
                   std::to_string(field.wire_type));
  }
  return field;
}

void ProtobufReader::expect_type(const ProtobufField& field, uint32_t wire_type,
                                 const char* name) const {
  if (field.wire_type == wire_type) return;
  reader_.fail(name, "wire type " + std::to_string(wire_type), std::to_string(field.wire_type));
}

std::string_view ProtobufReader::text(const ProtobufField& field, const char* name) const {
  expect_type(field, 2, name);
  return {reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size()};
}

std::span<const uint8_t> ProtobufReader::message(const ProtobufField& field,
                                                 const char* name) const {
  expect_type(field, 2, name);
  return field.bytes;
}

int64_t ProtobufReader::integer(const ProtobufField& field, const char* name) const {
  expect_type(field, 0, name);
  return static_cast<int64_t>(field.value);
}

bool ProtobufReader::boolean(const ProtobufField& field, const char* name) const {
  expect_type(field, 0, name);
  return field.value != 0;
}

float ProtobufReader::number(const ProtobufField& field, const char* name) const {
  expect_type(field, 5, name);
  return std::bit_cast<float>(static_cast<uint32_t>(field.value));
}

}  // namespace onebit
