// safetensors: named arrays in one file, or in the shards of a Hugging Face folder. Read from
// hostile bytes and written exactly. Knows no tensor's meaning.
// Format: https://huggingface.co/docs/safetensors; rules and limits: docs/formats/safetensors.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/file.h"

namespace onebit {

enum class SafetensorsDtype {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kF8E4M3,
  kF8E5M2,
};
std::string_view dtype_name(SafetensorsDtype dtype);  // as in the file, e.g. "BF16"
int64_t dtype_bytes(SafetensorsDtype dtype);          // of one element

// The optional "__metadata__" of a file, e.g. {"format": "pt"}.
using SafetensorsMetadata = std::map<std::string, std::string, std::less<>>;

struct SafetensorsTensor {
  std::string name;
  SafetensorsDtype dtype = SafetensorsDtype::kF32;
  std::vector<int64_t> shape;  // outermost first, row-major; {} is one element, a dim may be 0
  // Exactly the elements. The format aligns nothing: copy them, do not cast the pointer.
  std::span<const uint8_t> bytes;
};

// One file, mapped: the tensors' bytes are parts of it.
class SafetensorsFile {
 public:
  // Throws Error(kInvalidFile) with one line "PATH: tensor 'x': field: expected, found",
  // Error(kUnsupported) for a dtype that is not listed above, Error(kIo).
  static SafetensorsFile open(const std::filesystem::path& path);
  // The same from bytes at hand; `name` stands for the path in messages.
  static SafetensorsFile parse(FileBytes bytes, const std::string& name);

  const std::string& name() const { return name_; }
  int64_t file_bytes() const { return bytes_.size(); }
  const FileBytes& bytes() const { return bytes_; }
  const SafetensorsMetadata& metadata() const { return metadata_; }
  const std::vector<SafetensorsTensor>& tensors() const { return tensors_; }  // in order of data
  const SafetensorsTensor* find(std::string_view tensor) const;               // nullptr if absent

 private:
  std::string name_;
  FileBytes bytes_;
  SafetensorsMetadata metadata_;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// The tensors of a model folder: model.safetensors, or else the shards that
// model.safetensors.index.json names. Every tensor is in exactly one file.
class SafetensorsFolder {
 public:
  // Maps every file. Throws as SafetensorsFile::open; also if the index names
  // anything but plain files of the folder, or if index and shards disagree on where a tensor is.
  static SafetensorsFolder open(const std::filesystem::path& folder);

  const std::vector<SafetensorsFile>& files() const { return files_; }  // by name
  const SafetensorsTensor* find(std::string_view tensor) const;         // nullptr if absent

 private:
  std::vector<SafetensorsFile> files_;
};

// Writes one file. Tensors are declared first (add_tensor, in order), then the header is written by
// begin(), then each tensor's bytes by write_tensor() in the same order, then commit(). The order
// of calls and the byte counts are checked (ONEBIT_CHECK: programmer errors). begin() throws
// Error(kInvalidArgument) for names and metadata that the reader would refuse.
class SafetensorsWriter {
 public:
  explicit SafetensorsWriter(const std::filesystem::path& path, SafetensorsMetadata metadata = {});
  void add_tensor(std::string name, SafetensorsDtype dtype, std::vector<int64_t> shape);
  void begin();
  void write_tensor(std::span<const uint8_t> bytes);
  void commit();

 private:
  struct Declared {
    std::string name;
    SafetensorsDtype dtype;
    std::vector<int64_t> shape;
    int64_t bytes;
  };
  AtomicFile file_;
  SafetensorsMetadata metadata_;
  std::vector<Declared> tensors_;
  std::size_t written_ = 0;
  bool begun_ = false;
};

}  // namespace onebit
