// What reader and writer of GGUF agree on: constants, limits, rules for names, type ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/gguf.h"

namespace onebit::gguf {

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr uint32_t kVersion = 3;
inline constexpr std::string_view kAlignmentKey = "general.alignment";

// Far above any real model, low enough that a hostile file costs little more than its own size.
inline constexpr uint64_t kMaxTensors = 65536;
inline constexpr uint64_t kMaxEntries = 65536;
inline constexpr uint64_t kMaxKeyBytes = 256;
inline constexpr uint64_t kMaxNameBytes = 127;
inline constexpr uint64_t kMaxStringBytes = uint64_t{16} << 20;
inline constexpr uint64_t kMaxMetadataBytes = uint64_t{512} << 20;  // all before the data
inline constexpr uint32_t kMaxDims = 4;
// The least that one takes in the file: length and 1 byte of key, type, 1 byte of value; length and
// 1 byte of name, n_dims, one dim, type, offset.
inline constexpr uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;
inline constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
inline constexpr uint32_t kDefaultAlignment = 32;
inline constexpr uint32_t kMinAlignment = 8;
inline constexpr uint32_t kMaxAlignment = 4096;

// Value type ids of the file. The alternatives of GgufValue are the scalars in this order, then
// their arrays in the same order.
enum ValueType : int32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
  kTypes
};
inline constexpr std::size_t kScalars = std::variant_size_v<GgufValue> / 2;

// Id of scalar alternative `index` (< kScalars): the file numbers `array` between them.
constexpr int32_t scalar_type(std::size_t index) {
  return static_cast<int32_t>(index < kArray ? index : index + 1);
}

// "u32", "array of string", ...: for messages.
std::string type_name(const GgufValue& value);
const char* scalar_type_name(int32_t type);

// Why `text` cannot be a key or tensor name of up to `max_bytes`, as "expected ..." text; nullptr
// if it can be. Names end up in messages, C strings and JSON, so they must be UTF-8 without NUL.
const char* name_fault(std::string_view text, uint64_t max_bytes);

bool is_valid_alignment(uint64_t alignment);

}  // namespace onebit::gguf
