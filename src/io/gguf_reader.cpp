#include <algorithm>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "io/byte_reader.h"
#include "io/gguf.h"
#include "io/gguf_layout.h"

namespace onebit {
namespace {

using namespace gguf;

// Strings to reserve for at most, before they are read: more than any vocabulary has, and pages
// that a lying count leaves untouched cost nothing.
constexpr uint64_t kMaxReserve = 1 << 20;

std::string read_string(ByteReader& reader) {
  const auto size = reader.read<uint64_t>("string");
  if (size > kMaxStringBytes) {
    reader.fail("string", "at most " + std::to_string(kMaxStringBytes) + " bytes",
                std::to_string(size));
  }
  return std::string(reader.text(size, "string"));
}

std::string read_name(ByteReader& reader, const char* field, uint64_t max_bytes) {
  const auto size = reader.read<uint64_t>(field);
  if (size > max_bytes) {
    reader.fail(field, "at most " + std::to_string(max_bytes) + " bytes", std::to_string(size));
  }
  const std::string_view name = reader.text(size, field);
  if (const char* fault = name_fault(name, max_bytes)) reader.fail(field, fault, quote(name));
  return std::string(name);
}

uint8_t read_bool(ByteReader& reader) {
  const auto byte = reader.read<uint8_t>("bool");
  if (byte > 1) reader.fail("bool", "0 or 1", std::to_string(byte));
  return byte;
}

template <typename T>
std::vector<T> read_numbers(ByteReader& reader, uint64_t count) {
  reader.expect_room(count, sizeof(T), "array length");
  std::vector<T> values(count);
  const auto bytes = reader.take(count * sizeof(T), "array");
  if (count != 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<std::string> read_strings(ByteReader& reader, uint64_t count) {
  reader.expect_room(count, sizeof(uint64_t), "array length");
  std::vector<std::string> values;
  values.reserve(std::min(count, kMaxReserve));
  for (uint64_t i = 0; i < count; ++i) {
    const auto size = reader.read<uint64_t>("array of string");
    const uint64_t max = std::min(kMaxStringBytes, reader.left());
    if (size > max) [[unlikely]] {
      reader.fail("string " + std::to_string(i), "at most " + std::to_string(max) + " bytes",
                  std::to_string(size));
    }
    values.emplace_back(reader.text(size, "array of string"));
  }
  return values;
}

GgufBoolArray read_bools(ByteReader& reader, uint64_t count) {
  GgufBoolArray array{read_numbers<uint8_t>(reader, count)};
  const auto bad =
      std::find_if(array.values.begin(), array.values.end(), [](uint8_t byte) { return byte > 1; });
  if (bad != array.values.end()) reader.fail("array of bool", "0 or 1", std::to_string(*bad));
  return array;
}

template <typename T>
GgufValue read_one_or_many(ByteReader& reader, bool many) {
  if (many) return read_numbers<T>(reader, reader.read<uint64_t>("array length"));
  return reader.read<T>("value");
}

GgufValue read_value(ByteReader& reader) {
  auto type = reader.read<int32_t>("value type");
  const bool many = type == kArray;
  if (many) type = reader.read<int32_t>("array element type");
  switch (type) {
    case kUint8:
      return read_one_or_many<uint8_t>(reader, many);
    case kInt8:
      return read_one_or_many<int8_t>(reader, many);
    case kUint16:
      return read_one_or_many<uint16_t>(reader, many);
    case kInt16:
      return read_one_or_many<int16_t>(reader, many);
    case kUint32:
      return read_one_or_many<uint32_t>(reader, many);
    case kInt32:
      return read_one_or_many<int32_t>(reader, many);
    case kFloat32:
      return read_one_or_many<float>(reader, many);
    case kBool:
      if (many) return read_bools(reader, reader.read<uint64_t>("array length"));
      return read_bool(reader) == 1;
    case kString:
      if (many) return read_strings(reader, reader.read<uint64_t>("array length"));
      return read_string(reader);
    case kUint64:
      return read_one_or_many<uint64_t>(reader, many);
    case kInt64:
      return read_one_or_many<int64_t>(reader, many);
    case kFloat64:
      return read_one_or_many<double>(reader, many);
    default:
      reader.fail(many ? "array element type" : "value type",
                  many ? "0 to 12 but not 9 (nested array)" : "0 to 12", std::to_string(type));
  }
}

// Magic and version. A big-endian file has the same magic and a byte-swapped version.
uint32_t read_preamble(ByteReader& reader) {
  const std::string_view magic = reader.text(kMagic.size(), "magic");
  if (magic == "FUGG") {
    reader.fail("magic", "'GGUF'", "'FUGG' (a big-endian file? convert it to little-endian)");
  }
  if (magic != kMagic) reader.fail("magic", "'GGUF'", quote(magic));
  const auto version = reader.read<uint32_t>("version");
  if (version != 2 && version != 3) {
    const bool swapped = version != 0 && (version & 0xffff) == 0;
    reader.fail("version", "2 or 3",
                std::to_string(version) +
                    (swapped ? " (a big-endian file? convert it to little-endian)" : ""),
                ErrorCode::kUnsupported);
  }
  return version;
}

// A count of the header: below our limit, and small enough for the bytes left.
uint64_t read_count(ByteReader& reader, const char* field, uint64_t max, uint64_t min_bytes) {
  const auto count = reader.read<uint64_t>(field);
  if (count > max) reader.fail(field, "at most " + std::to_string(max), std::to_string(count));
  reader.expect_room(count, min_bytes, field);
  return count;
}

GgufMetadata read_metadata(ByteReader& reader, uint64_t count) {
  GgufMetadata metadata;
  for (uint64_t i = 0; i < count; ++i) {
    std::string subject = "kv " + std::to_string(i);
    reader.set_subject(subject);
    std::string key = read_name(reader, "key", kMaxKeyBytes);
    reader.set_subject(std::move(subject) + " (" + quote(key, kMaxKeyBytes) + ")");
    if (metadata.find(key) != nullptr) reader.fail("key", "a new key", "a duplicate");
    GgufValue value = read_value(reader);
    metadata.set(std::move(key), std::move(value));
  }
  reader.set_subject("");
  return metadata;
}

uint64_t data_alignment(const ByteReader& reader, const GgufMetadata& metadata) {
  const GgufValue* value = metadata.find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  const auto* alignment = std::get_if<uint32_t>(value);
  if (alignment == nullptr) reader.fail(kAlignmentKey, "u32", type_name(*value));
  if (!is_valid_alignment(*alignment)) {
    reader.fail(kAlignmentKey, "a power of two from 8 to 4096", std::to_string(*alignment));
  }
  return *alignment;
}

GgufTensor read_tensor_info(ByteReader& reader, uint64_t index, uint64_t alignment) {
  std::string subject = "tensor " + std::to_string(index);
  reader.set_subject(subject);
  GgufTensor tensor;
  tensor.name = read_name(reader, "name", kMaxNameBytes);
  reader.set_subject(std::move(subject) + " " + quote(tensor.name, kMaxNameBytes));
  const auto n_dims = reader.read<uint32_t>("n_dims");
  if (n_dims < 1 || n_dims > kMaxDims) reader.fail("n_dims", "1 to 4", std::to_string(n_dims));
  int64_t elements = 1;
  for (uint32_t d = 0; d < n_dims; ++d) {
    const auto dim = reader.read<int64_t>("dim");
    if (dim < 1) reader.fail("dim " + std::to_string(d), "at least 1", std::to_string(dim));
    if (__builtin_mul_overflow(elements, dim, &elements)) {
      reader.fail("dim " + std::to_string(d), "a product of dims below 2^63", std::to_string(dim));
    }
    tensor.shape.push_back(dim);
  }
  tensor.type = reader.read<uint32_t>("type");
  tensor.offset = reader.read<uint64_t>("offset");
  if (tensor.offset % alignment != 0) {
    reader.fail("offset", "a multiple of " + std::to_string(alignment),
                std::to_string(tensor.offset));
  }
  return tensor;
}

// Gives every tensor the bytes up to the next one. Files need not store tensors in the order of the
// directory, and not every writer agrees with us on sizes (I2_S tails, 128-wide Q2_0 groups), so
// offsets are believed as far as they lie in the file and differ.
void assign_data(const ByteReader& reader, std::span<const uint8_t> data,
                 std::vector<GgufTensor>& tensors) {
  std::vector<std::pair<uint64_t, std::size_t>> by_offset;
  for (std::size_t i = 0; i < tensors.size(); ++i) by_offset.emplace_back(tensors[i].offset, i);
  std::sort(by_offset.begin(), by_offset.end());
  uint64_t end = data.size();
  for (std::size_t i = by_offset.size(); i-- > 0; end = by_offset[i].first) {
    const auto [offset, index] = by_offset[i];
    GgufTensor& tensor = tensors[index];
    const auto field = [&, index = index] {
      return "tensor " + std::to_string(index) + " " + quote(tensor.name, kMaxNameBytes) +
             ": offset";
    };
    if (offset >= data.size()) {
      reader.fail(field(), "less than the " + std::to_string(data.size()) + " bytes of data",
                  std::to_string(offset));
    }
    if (offset == end) {
      const GgufTensor& other = tensors[by_offset[i + 1].second];
      reader.fail(field(), "bytes of its own",
                  std::to_string(offset) + " as in " + quote(other.name, kMaxNameBytes));
    }
    tensor.available = data.subspan(offset, end - offset);
  }
}

}  // namespace

int64_t GgufTensor::rows() const {
  int64_t rows = 1;
  for (std::size_t d = 1; d < shape.size(); ++d) rows *= shape[d];
  return rows;
}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  return parse(FileBytes::map(path), path.string());
}

GgufFile GgufFile::parse(FileBytes bytes, const std::string& name) {
  GgufFile file;
  file.name_ = name;
  file.bytes_ = std::move(bytes);
  const std::span<const uint8_t> all = file.bytes_.span();
  const bool capped = all.size() > kMaxMetadataBytes;
  ByteReader reader(capped ? all.first(kMaxMetadataBytes) : all, name,
                    capped ? "the metadata limit of 512 MiB" : "end of file");

  file.version_ = read_preamble(reader);
  const uint64_t n_tensors = read_count(reader, "n_tensors", kMaxTensors, kMinTensorBytes);
  const uint64_t n_kv = read_count(reader, "n_kv", kMaxEntries, kMinEntryBytes);
  file.metadata_ = read_metadata(reader, n_kv);

  const uint64_t alignment = data_alignment(reader, file.metadata_);
  reader.expect_room(n_tensors, kMinTensorBytes, "n_tensors");
  for (uint64_t i = 0; i < n_tensors; ++i) {
    GgufTensor tensor = read_tensor_info(reader, i, alignment);
    if (!file.index_.try_emplace(tensor.name, i).second) {
      reader.fail("name", "a new name", "a duplicate");
    }
    file.tensors_.push_back(std::move(tensor));
  }
  reader.set_subject("");
  const uint64_t blob = (reader.position() + alignment - 1) / alignment * alignment;
  assign_data(reader, all.subspan(std::min<uint64_t>(blob, all.size())), file.tensors_);
  return file;
}

const GgufTensor* GgufFile::find(std::string_view tensor) const {
  const auto entry = index_.find(tensor);
  return entry == index_.end() ? nullptr : &tensors_[entry->second];
}

}  // namespace onebit
