#include <utility>

#include "io/byte_reader.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace onebit {

using namespace safetensors;

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return parse(FileBytes::map(path), path.string());
}

SafetensorsFile SafetensorsFile::parse(FileBytes bytes, const std::string& name) {
  SafetensorsFile file;
  file.name_ = name;
  file.bytes_ = std::move(bytes);
  ByteReader reader(file.bytes_.span(), name);
  const auto header_bytes = reader.read<uint64_t>("header length");
  if (header_bytes > kMaxHeaderBytes) {
    reader.fail("header length", "at most " + std::to_string(kMaxHeaderBytes),
                std::to_string(header_bytes));
  }
  const std::string_view text = reader.text(header_bytes, "header");
  Header header = parse_header(reader, text, reader.left());
  file.metadata_ = std::move(header.metadata);
  for (Entry& entry : header.tensors) {
    file.index_.emplace(entry.name, file.tensors_.size());
    file.tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                             reader.take(entry.end - entry.begin, "data")});
  }
  return file;
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view tensor) const {
  const auto entry = index_.find(tensor);
  return entry == index_.end() ? nullptr : &tensors_[entry->second];
}

}  // namespace onebit
