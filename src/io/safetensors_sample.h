// For the tests of this folder: safetensors files, good and bad.
#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include "io/gguf_sample.h"
#include "io/io_testing.h"
#include "io/safetensors.h"

namespace onebit::testing {

// Header length, header, data.
inline std::string safetensors_bytes(std::string_view header, std::string_view data = {}) {
  return RawBytes().string(header).text(data).bytes;
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

struct SampleArray {
  std::string name;
  SafetensorsDtype dtype;
  std::vector<int64_t> shape;
  std::string data;
};

// All ranks that models have, every element size, a scalar and an array of nothing.
inline std::vector<SampleArray> sample_arrays() {
  using enum SafetensorsDtype;
  std::vector<SampleArray> arrays = {{"model.embed_tokens.weight", kBF16, {10, 12}, ""},
                                     {"layers.0.q_proj.weight", kU8, {4, 8}, ""},
                                     {"layers.0.q_proj.weight_scale", kF32, {1}, ""},
                                     {"none", kF16, {2, 0, 3}, ""},
                                     {"scalar", kI64, {}, ""},
                                     {"norm \xc3\xa9\"\\\n", kF8E4M3, {3, 1, 2, 1, 1}, ""}};
  for (SampleArray& array : arrays) {
    int64_t count = dtype_bytes(array.dtype);
    for (const int64_t dim : array.shape) count *= dim;
    for (int64_t i = 0; i < count; ++i) array.data += static_cast<char>(41 * i + count);
  }
  return arrays;
}

inline void write_arrays(const std::filesystem::path& path, const SafetensorsMetadata& metadata,
                         const std::vector<SampleArray>& arrays) {
  SafetensorsWriter writer(path, metadata);
  for (const SampleArray& array : arrays) writer.add_tensor(array.name, array.dtype, array.shape);
  writer.begin();
  for (const SampleArray& array : arrays) {
    writer.write_tensor({reinterpret_cast<const uint8_t*>(array.data.data()), array.data.size()});
  }
  writer.commit();
}

}  // namespace onebit::testing
