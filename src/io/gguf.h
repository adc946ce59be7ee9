// GGUF v2/v3 container: metadata and tensor directory, read from hostile bytes and written exactly.
// Knows no tensor type's meaning: sizes are checked by who knows the format (quant/format.h),
// against `available`. Layout: ggml/docs/gguf.md; limits: this header.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/file.h"

namespace onebit {

// A metadata value. bool arrays are vector<uint8_t> of 0/1 under their own alternative.
struct GgufBoolArray {
  std::vector<uint8_t> values;
  bool operator==(const GgufBoolArray&) const = default;
};
using GgufValue =
    std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool, std::string,
                 uint64_t, int64_t, double, std::vector<uint8_t>, std::vector<int8_t>,
                 std::vector<uint16_t>, std::vector<int16_t>, std::vector<uint32_t>,
                 std::vector<int32_t>, std::vector<float>, GgufBoolArray, std::vector<std::string>,
                 std::vector<uint64_t>, std::vector<int64_t>, std::vector<double>>;

// Keys in file order, unique.
class GgufMetadata {
 public:
  struct Entry {
    std::string key;
    GgufValue value;
  };

  // Adds or replaces.
  void set(std::string key, GgufValue value);
  const GgufValue* find(std::string_view key) const;  // nullptr if absent
  const std::vector<Entry>& entries() const { return entries_; }

  // Typed access. Integers of any width and sign convert if the value fits int64. Each throws
  // Error(kInvalidFile) that names the key, the expected and the found type; get_* also when the
  // key is absent, the *_or forms return the fallback then.
  int64_t get_int(std::string_view key) const;
  int64_t get_int_or(std::string_view key, int64_t fallback) const;
  float get_float(std::string_view key) const;
  float get_float_or(std::string_view key, float fallback) const;
  bool get_bool_or(std::string_view key, bool fallback) const;
  const std::string& get_string(std::string_view key) const;
  std::string get_string_or(std::string_view key, std::string_view fallback) const;
  const std::vector<std::string>& get_strings(std::string_view key) const;
  // Exactly this element type, or nullptr when the key is absent.
  template <typename T>
  const std::vector<T>* find_array(std::string_view key) const;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// One tensor of the directory. Shape as in the file: shape[0] is the row length (K), the rest rows.
struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // 1..4 dims, each >= 1, product fits int64
  uint32_t type = 0;           // ggml type id, unchecked
  uint64_t offset = 0;         // from the start of the data blob
  // Bytes from the tensor's start to the next tensor's start or the end of the file.
  std::span<const uint8_t> available;

  int64_t cols() const { return shape[0]; }
  int64_t rows() const;  // product of shape[1..]
};

class GgufFile {
 public:
  // Maps the file. Throws Error(kInvalidFile) with one line "PATH: field:
  // expected, found", Error(kUnsupported) for a version that is not 2 or 3, Error(kIo).
  static GgufFile open(const std::filesystem::path& path);
  // The same from bytes at hand; `name` stands for the path in messages.
  static GgufFile parse(FileBytes bytes, const std::string& name);

  const std::string& name() const { return name_; }
  uint32_t version() const { return version_; }
  int64_t file_bytes() const { return bytes_.size(); }
  const FileBytes& bytes() const { return bytes_; }
  const GgufMetadata& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view tensor) const;  // nullptr if absent

 private:
  std::string name_;
  uint32_t version_ = 3;
  FileBytes bytes_;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// Writes GGUF v3. Tensors are declared first (add_tensor, in order), then the header is written by
// begin(), then each tensor's bytes by write_tensor() in the same order (or in parts, by
// write_part()), then commit(). The order of calls and the byte counts are checked (ONEBIT_CHECK:
// programmer errors).
class GgufWriter {
 public:
  GgufWriter(const std::filesystem::path& path, GgufMetadata metadata);
  void add_tensor(std::string name, std::vector<int64_t> shape, uint32_t type, int64_t bytes);
  void begin();
  void write_tensor(std::span<const uint8_t> bytes);
  // The next bytes of the current tensor; the last of them end it.
  void write_part(std::span<const uint8_t> bytes);
  void commit();

 private:
  struct Declared {
    std::string name;
    std::vector<int64_t> shape;
    uint32_t type;
    int64_t bytes;
  };
  AtomicFile file_;
  GgufMetadata metadata_;
  std::vector<Declared> tensors_;
  std::size_t written_ = 0;    // whole tensors
  int64_t written_bytes_ = 0;  // of the current one
  bool begun_ = false;
};

template <typename T>
const std::vector<T>* GgufMetadata::find_array(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  const auto* array = std::get_if<std::vector<T>>(value);
  if (array == nullptr) {
    throw Error(ErrorCode::kInvalidFile,
                "metadata key " + quote(key) + ": not an array of the expected element type");
  }
  return array;
}

}  // namespace onebit
