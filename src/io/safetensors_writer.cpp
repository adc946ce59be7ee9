#include <algorithm>
#include <boost/json/serialize.hpp>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "io/byte_reader.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace onebit {

using namespace safetensors;

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     SafetensorsMetadata metadata)
    : file_(path), metadata_(std::move(metadata)) {}

void SafetensorsWriter::add_tensor(std::string name, SafetensorsDtype dtype,
                                   std::vector<int64_t> shape) {
  ONEBIT_CHECK(!begun_ && shape.size() <= kMaxDims);
  int64_t bytes = dtype_bytes(dtype);
  for (const int64_t dim : shape) {
    ONEBIT_CHECK(dim >= 0);
    bytes = checked_mul(bytes, dim, "shape of tensor " + quote(name));
  }
  tensors_.push_back({std::move(name), dtype, std::move(shape), bytes});
}

void SafetensorsWriter::begin() {
  ONEBIT_CHECK(!begun_);
  begun_ = true;
  // Compact and padded as the reference writes it: its files come back the same to the byte.
  const auto json = [](const std::string& text) { return boost::json::serialize(text); };
  std::string header = "{";
  if (!metadata_.empty()) {
    header += json(std::string(kMetadataKey)) + ":{";
    for (const auto& [key, value] : metadata_) header += json(key) + ":" + json(value) + ",";
    header.back() = '}';
    header += ',';
  }
  int64_t end = 0;
  for (const Declared& tensor : tensors_) {
    const int64_t begin = end;
    end = checked_add(begin, tensor.bytes, "data");
    header += json(tensor.name) + ":{\"dtype\":\"" + std::string(dtype_name(tensor.dtype)) +
              "\",\"shape\":[";
    for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
      header += (d == 0 ? "" : ",") + std::to_string(tensor.shape[d]);
    }
    header += "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]},";
  }
  if (header.size() > 1) header.pop_back();
  header += '}';
  header.resize(static_cast<std::size_t>(round_up(static_cast<int64_t>(header.size()), 8)), ' ');

  // What the reader would refuse is not written.
  if (header.size() > kMaxHeaderBytes) {
    throw Error(ErrorCode::kInvalidArgument, "header: expected at most " +
                                                 std::to_string(kMaxHeaderBytes) +
                                                 " bytes, found " + std::to_string(header.size()));
  }
  try {
    ByteReader reader({}, "safetensors header");
    parse_header(reader, header, static_cast<uint64_t>(end));
  } catch (const Error& e) {
    throw Error(ErrorCode::kInvalidArgument, e.what());
  }
  const uint64_t header_bytes = header.size();
  file_.write(std::span(reinterpret_cast<const uint8_t*>(&header_bytes), sizeof header_bytes));
  file_.write(header);
}

void SafetensorsWriter::write_tensor(std::span<const uint8_t> bytes) {
  ONEBIT_CHECK(begun_ && written_ < tensors_.size());
  ONEBIT_CHECK(static_cast<int64_t>(bytes.size()) == tensors_[written_].bytes);
  file_.write(bytes);
  ++written_;
}

void SafetensorsWriter::commit() {
  ONEBIT_CHECK(begun_ && written_ == tensors_.size());
  file_.commit();
}

}  // namespace onebit
