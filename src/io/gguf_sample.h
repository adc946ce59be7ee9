// For the tests of this folder: a small GGUF with every value type, and raw bytes to build bad
// ones.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "io/gguf.h"

namespace onebit::testing {

// A folder that is removed with its contents.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("onebit_" + name + "_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline AlignedBuffer<uint8_t> to_buffer(const std::string& bytes) {
  AlignedBuffer<uint8_t> buffer(static_cast<int64_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

inline std::string read_text(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

// Little-endian fields, appended.
struct RawBytes {
  std::string bytes;

  template <typename T>
  RawBytes& put(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  RawBytes& text(std::string_view text) {
    bytes += text;
    return *this;
  }
  RawBytes& string(std::string_view text) { return put(uint64_t{text.size()}).text(text); }
  RawBytes& header(uint64_t n_tensors, uint64_t n_kv, uint32_t version = 3) {
    return text("GGUF").put(version).put(n_tensors).put(n_kv);
  }
  RawBytes& kv_u32(std::string_view key, uint32_t value) {
    return string(key).put(int32_t{4}).put(value);
  }
  RawBytes& tensor(std::string_view name, const std::vector<int64_t>& shape, uint64_t offset) {
    string(name).put(static_cast<uint32_t>(shape.size()));
    for (const int64_t dim : shape) put(dim);
    return put(uint32_t{0}).put(offset);
  }
  RawBytes& pad(std::size_t alignment = 32) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  RawBytes& zeros(std::size_t count) {
    bytes.append(count, '\0');
    return *this;
  }
};

inline GgufMetadata sample_metadata() {
  GgufMetadata m;
  m.set("general.architecture", std::string("llama"));
  m.set("general.alignment", uint32_t{64});
  m.set("t.u8", uint8_t{200});
  m.set("t.i8", int8_t{-100});
  m.set("t.u16", uint16_t{60000});
  m.set("t.i16", int16_t{-30000});
  m.set("t.u32", uint32_t{4000000000});
  m.set("t.i32", int32_t{-2000000000});
  m.set("t.f32", 1.5f);
  m.set("t.bool", true);
  m.set("t.empty", std::string());
  m.set("t.u64", std::numeric_limits<uint64_t>::max());
  m.set("t.i64", std::numeric_limits<int64_t>::min());
  m.set("t.f64", 1e300);
  m.set("a.u8", std::vector<uint8_t>{1, 2, 3});
  m.set("a.i8", std::vector<int8_t>{-1, 2});
  m.set("a.u16", std::vector<uint16_t>{1, 65535});
  m.set("a.i16", std::vector<int16_t>{-32768});
  m.set("a.u32", std::vector<uint32_t>{1, 2, 3, 4});
  m.set("a.i32", std::vector<int32_t>{-1, 0, 1});
  m.set("a.f32", std::vector<float>{0.5f, -0.0f});
  m.set("a.bool", GgufBoolArray{{1, 0, 1}});
  m.set("a.string", std::vector<std::string>{"a", "", std::string("\0\xff", 2), "\xc3\xa9"});
  m.set("a.u64", std::vector<uint64_t>{uint64_t{1} << 63});
  m.set("a.i64", std::vector<int64_t>{-1});
  m.set("a.f64", std::vector<double>{0.25});
  m.set("a.none", std::vector<std::string>());
  std::vector<std::string> tokens;
  for (int i = 0; i < 40; ++i) tokens.push_back("token" + std::to_string(i));
  m.set("tokenizer.ggml.tokens", tokens);
  return m;
}

struct SampleTensor {
  std::string name;
  std::vector<int64_t> shape;
  uint32_t type;
  std::string data;
};

// Type 0 is 4 bytes a value. The last one ends on the alignment, so that no byte of the file is
// mere padding at its end.
inline std::vector<SampleTensor> sample_tensors() {
  std::vector<SampleTensor> tensors = {{"token_embd.weight", {8, 5}, 0, ""},
                                       {"blk.0.attn_norm.weight", {7}, 0, ""},
                                       {"blk.0.\xc3\xa9", {2, 3, 2, 2}, 0, ""},
                                       {"output.weight", {16, 4}, 0, ""}};
  for (auto& tensor : tensors) {
    int64_t count = 4;
    for (const int64_t dim : tensor.shape) count *= dim;
    for (int64_t i = 0; i < count; ++i) tensor.data += static_cast<char>(37 * i + count);
  }
  return tensors;
}

inline void write_sample(const std::filesystem::path& path, const GgufMetadata& metadata,
                         const std::vector<SampleTensor>& tensors) {
  GgufWriter writer(path, metadata);
  for (const auto& t : tensors) {
    writer.add_tensor(t.name, t.shape, t.type, static_cast<int64_t>(t.data.size()));
  }
  writer.begin();
  for (const auto& t : tensors) {
    writer.write_tensor({reinterpret_cast<const uint8_t*>(t.data.data()), t.data.size()});
  }
  writer.commit();
}

}  // namespace onebit::testing
