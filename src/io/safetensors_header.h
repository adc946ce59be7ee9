// The JSON header of safetensors, from text to checked entries: the rules that reader and writer
// share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/byte_reader.h"
#include "io/safetensors.h"

namespace onebit::safetensors {

// kMaxHeaderBytes is the format's own. The others are far above any real model, and low enough that
// a hostile header costs a small multiple of its size.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxTensors = 65536;
inline constexpr std::size_t kMaxMetadataEntries = 65536;
inline constexpr std::size_t kMaxNameBytes = 127;
inline constexpr std::size_t kMaxKeyBytes = 256;  // of the metadata
inline constexpr std::size_t kMaxStringBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxDims = 8;
inline constexpr std::string_view kMetadataKey = "__metadata__";

struct Entry {
  std::string name;
  SafetensorsDtype dtype;
  std::vector<int64_t> shape;
  uint64_t begin;  // of the data
  uint64_t end;
};

struct Header {
  SafetensorsMetadata metadata;
  std::vector<Entry>
      tensors;  // in order of data: the first begins at 0, each at the last one's end
};

// Errors go through `reader`, which names the file. `data_bytes` is what follows the header: the
// tensors must fill it exactly.
Header parse_header(ByteReader& reader, std::string_view text, uint64_t data_bytes);

// Error(kUnsupported) if `text` is no dtype of dtype_name.
SafetensorsDtype parse_dtype(const ByteReader& reader, std::string_view text);

}  // namespace onebit::safetensors
