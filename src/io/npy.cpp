#include "io/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/file.h"
#include "io/byte_reader.h"

namespace onebit {
namespace {

constexpr std::string_view kNpyMagic = "\x93NUMPY";
constexpr uint32_t kMaxNpyHeaderBytes = 65536;
constexpr std::size_t kMaxNpyDims = 8;
constexpr int64_t kDataAlignment = 64;

template <typename T>
constexpr std::string_view kDescr = "";
template <>
constexpr std::string_view kDescr<float> = "<f4";
template <>
constexpr std::string_view kDescr<double> = "<f8";
template <>
constexpr std::string_view kDescr<int32_t> = "<i4";
template <>
constexpr std::string_view kDescr<int8_t> = "|i1";

struct NpyHeader {
  std::string_view descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// The header is a Python dict literal with three known keys; this reads just that grammar.
class NpyHeaderParser {
 public:
  NpyHeaderParser(const ByteReader& reader, std::string_view text) : reader_(reader), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted_text();
      expect(':');
      const int field = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (field == 3) fail("descr, fortran_order or shape", quote(key));
      if (std::exchange(seen[field], true)) fail("each key once", quote(key) + " again");
      if (field == 0) header.descr = quoted_text();
      if (field == 1) header.fortran_order = boolean();
      if (field == 2) header.shape = shape();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("nothing after '}'", here());
    if (!seen[0] || !seen[1] || !seen[2]) fail("descr, fortran_order and shape", quote(text_));
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    reader_.fail("header", expected, found);
  }
  std::string here() const {
    return at_ < text_.size() ? quote(text_.substr(at_), 16) : "the end of the header";
  }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \n", at_), text_.size()); }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "'", here());
  }
  std::string_view quoted_text() {
    expect('\'');
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) fail("a closing quote", here());
    const std::string_view text = text_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }
  bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::strlen(word);
        return value;
      }
    }
    fail("True or False", here());
  }
  std::vector<int64_t> shape() {
    std::vector<int64_t> dims;
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t dim = -1;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), dim);
      if (error != std::errc() || dim < 0) fail("a dim from 0 to 2^63-1", here());
      at_ += static_cast<std::size_t>(end - begin);
      if (dims.size() == kMaxNpyDims) fail("at most 8 dims", "more");
      dims.push_back(dim);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dims;
  }

  const ByteReader& reader_;
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string_view read_header(ByteReader& reader) {
  const std::string_view magic = reader.text(kNpyMagic.size(), "magic");
  if (magic != kNpyMagic) reader.fail("magic", quote(kNpyMagic), quote(magic));
  const auto major = reader.read<uint8_t>("version");
  reader.read<uint8_t>("version");
  if (major < 1 || major > 3) {
    reader.fail("version", "1 to 3", std::to_string(major), ErrorCode::kUnsupported);
  }
  const uint32_t size =
      major == 1 ? reader.read<uint16_t>("header length") : reader.read<uint32_t>("header length");
  if (size > kMaxNpyHeaderBytes) {
    reader.fail("header length", "at most " + std::to_string(kMaxNpyHeaderBytes),
                std::to_string(size));
  }
  return reader.text(size, "header");
}

}  // namespace

template <typename T>
NpyArray<T> parse_npy(std::span<const uint8_t> bytes, const std::string& name) {
  ByteReader reader(bytes, name);
  const std::string_view text = read_header(reader);
  const NpyHeader header = NpyHeaderParser(reader, text).parse();
  if (header.descr != kDescr<T>) {
    reader.fail("descr", quote(kDescr<T>), quote(header.descr));
  }
  if (header.fortran_order) reader.fail("fortran_order", "False", "True");

  uint64_t count = 1;
  for (const int64_t dim : header.shape) {
    count = checked_mul(count, static_cast<uint64_t>(dim), name + ": shape");
  }
  if (checked_mul<uint64_t>(count, sizeof(T), name + ": shape") != reader.left()) {
    reader.fail("data", std::to_string(count * sizeof(T)) + " bytes",
                std::to_string(reader.left()));
  }
  NpyArray<T> array{header.shape, std::vector<T>(count)};
  const auto data = reader.take(reader.left(), "data");
  if (count != 0) std::memcpy(array.values.data(), data.data(), data.size());
  return array;
}

template <typename T>
NpyArray<T> read_npy(const std::filesystem::path& path) {
  const AlignedBuffer<uint8_t> bytes = read_file(path);
  return parse_npy<T>(bytes.span(), path.string());
}

#define ONEBIT_NPY(T)                                                                   \
  template NpyArray<T> parse_npy<T>(std::span<const uint8_t>, const std::string& name); \
  template NpyArray<T> read_npy<T>(const std::filesystem::path&);
ONEBIT_NPY(float)
ONEBIT_NPY(double)
ONEBIT_NPY(int32_t)
ONEBIT_NPY(int8_t)
#undef ONEBIT_NPY

void write_npy(const std::filesystem::path& path, std::span<const int64_t> shape,
               std::span<const float> values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  int64_t count = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    count = checked_mul(count, shape[d], "shape");
    header += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  }
  if (shape.size() == 1) header += ',';
  header += "), }";
  ONEBIT_CHECK(count == static_cast<int64_t>(values.size()));
  // The data starts on a multiple of 64 bytes; the header ends in a newline (numpy.lib.format).
  const auto unpadded = static_cast<int64_t>(kNpyMagic.size() + 4 + header.size() + 1);
  header.append(static_cast<std::size_t>(round_up(unpadded, kDataAlignment) - unpadded), ' ');
  header += '\n';

  AtomicFile file(path);
  file.write(kNpyMagic);
  const auto size = static_cast<uint16_t>(header.size());
  const uint8_t preamble[4] = {1, 0, static_cast<uint8_t>(size & 0xff),
                               static_cast<uint8_t>(size >> 8)};
  file.write(preamble);
  file.write(header);
  file.write(std::span(reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()));
  file.commit();
}

}  // namespace onebit
