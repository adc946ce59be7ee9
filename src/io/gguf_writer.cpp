#include <algorithm>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "io/gguf.h"
#include "io/gguf_layout.h"

namespace onebit {
namespace {

using namespace gguf;

[[noreturn]] void refuse(const std::string& field, const std::string& expected,
                         const std::string& found) {
  throw Error(ErrorCode::kInvalidArgument, field + ": expected " + expected + ", found " + found);
}

// What the reader would refuse is not written.
void check_name(const std::string& field, std::string_view name, uint64_t max_bytes) {
  if (const char* fault = name_fault(name, max_bytes)) refuse(field, fault, quote(name));
}

template <typename T>
requires std::is_arithmetic_v<T>
void put(AtomicFile& file, T value) {
  file.write(std::span(reinterpret_cast<const uint8_t*>(&value), sizeof value));
}

void put(AtomicFile& file, const std::string& text) {
  if (text.size() > kMaxStringBytes) {
    refuse("string " + quote(text, 16), "at most " + std::to_string(kMaxStringBytes) + " bytes",
           std::to_string(text.size()));
  }
  put(file, uint64_t{text.size()});
  file.write(text);
}

template <typename T>
void put_payload(AtomicFile& file, const T& scalar) {
  put(file, scalar);
}

template <typename T>
void put_payload(AtomicFile& file, const std::vector<T>& array) {
  put(file, uint64_t{array.size()});
  if constexpr (std::is_arithmetic_v<T>) {
    file.write(std::span(reinterpret_cast<const uint8_t*>(array.data()), array.size() * sizeof(T)));
  } else {
    for (const T& element : array) put(file, element);
  }
}

void put_payload(AtomicFile& file, const GgufBoolArray& array) {
  for (const uint8_t byte : array.values) ONEBIT_CHECK(byte <= 1);
  put_payload(file, array.values);
}

void put_value(AtomicFile& file, const GgufValue& value) {
  const std::size_t index = value.index();
  if (index >= kScalars) put(file, int32_t{kArray});
  put(file, scalar_type(index % kScalars));
  std::visit([&](const auto& payload) { put_payload(file, payload); }, value);
}

int64_t data_alignment(const GgufMetadata& metadata) {
  const GgufValue* value = metadata.find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  const auto* alignment = std::get_if<uint32_t>(value);
  if (alignment == nullptr || !is_valid_alignment(*alignment)) {
    refuse(std::string(kAlignmentKey), "a u32, a power of two from 8 to 4096",
           alignment == nullptr ? type_name(*value) : std::to_string(*alignment));
  }
  return *alignment;
}

void pad(AtomicFile& file, int64_t alignment) {
  file.write_zeros(round_up(file.position(), alignment) - file.position());
}

}  // namespace

GgufWriter::GgufWriter(const std::filesystem::path& path, GgufMetadata metadata)
    : file_(path), metadata_(std::move(metadata)) {}

void GgufWriter::add_tensor(std::string name, std::vector<int64_t> shape, uint32_t type,
                            int64_t bytes) {
  ONEBIT_CHECK(!begun_ && bytes > 0);
  ONEBIT_CHECK(!shape.empty() && shape.size() <= kMaxDims);
  ONEBIT_CHECK(std::all_of(shape.begin(), shape.end(), [](int64_t dim) { return dim >= 1; }));
  check_name("tensor name", name, kMaxNameBytes);
  tensors_.push_back({std::move(name), std::move(shape), type, bytes});
}

void GgufWriter::begin() {
  ONEBIT_CHECK(!begun_);
  begun_ = true;
  const auto& entries = metadata_.entries();
  if (entries.size() > kMaxEntries) {
    refuse("n_kv", "at most " + std::to_string(kMaxEntries), std::to_string(entries.size()));
  }
  if (tensors_.size() > kMaxTensors) {
    refuse("n_tensors", "at most " + std::to_string(kMaxTensors), std::to_string(tensors_.size()));
  }
  std::vector<std::string_view> names;
  for (const Declared& tensor : tensors_) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) refuse("tensor " + quote(*twin), "a new name", "a duplicate");
  const int64_t alignment = data_alignment(metadata_);

  file_.write(kMagic);
  put(file_, kVersion);
  put(file_, uint64_t{tensors_.size()});
  put(file_, uint64_t{entries.size()});
  for (const auto& [key, value] : entries) {
    check_name("metadata key", key, kMaxKeyBytes);
    put(file_, key);
    put_value(file_, value);
  }
  uint64_t offset = 0;
  for (const Declared& tensor : tensors_) {
    put(file_, tensor.name);
    put(file_, static_cast<uint32_t>(tensor.shape.size()));
    for (const int64_t dim : tensor.shape) put(file_, dim);
    put(file_, tensor.type);
    put(file_, offset);
    offset += static_cast<uint64_t>(round_up(tensor.bytes, alignment));
  }
  if (file_.position() > static_cast<int64_t>(kMaxMetadataBytes)) {
    refuse("metadata", "at most " + std::to_string(kMaxMetadataBytes) + " bytes",
           std::to_string(file_.position()));
  }
  pad(file_, alignment);
}

void GgufWriter::write_tensor(std::span<const uint8_t> bytes) {
  ONEBIT_CHECK(begun_ && written_ < tensors_.size() && written_bytes_ == 0);
  ONEBIT_CHECK(static_cast<int64_t>(bytes.size()) == tensors_[written_].bytes);
  write_part(bytes);
}

void GgufWriter::write_part(std::span<const uint8_t> bytes) {
  ONEBIT_CHECK(begun_ && written_ < tensors_.size());
  file_.write(bytes);
  written_bytes_ += static_cast<int64_t>(bytes.size());
  ONEBIT_CHECK(written_bytes_ <= tensors_[written_].bytes);
  if (written_bytes_ < tensors_[written_].bytes) return;
  pad(file_, data_alignment(metadata_));
  written_bytes_ = 0;
  ++written_;
}

void GgufWriter::commit() {
  ONEBIT_CHECK(begun_ && written_ == tensors_.size());
  file_.commit();
}

}  // namespace onebit
