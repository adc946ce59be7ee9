#include "io/safetensors_header.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "io/json_sax.h"

namespace onebit::safetensors {
namespace {

// Takes exactly the header's grammar, event by event:
//   { "__metadata__": { key: string... }, name: { "dtype": string, "shape": [integer...],
//     "data_offsets": [begin, end] }... }
// A tree of the JSON would cost a hostile header of 100 MB gigabytes, and would already have
// dropped the first of two equal keys.
class HeaderHandler : public JsonHandler {
 public:
  explicit HeaderHandler(ByteReader& reader) : reader_(reader) {}
  Header release() { return std::move(header_); }

  bool on_object_begin(error_code&) {
    if (where_ == Where::kOutside) {
      where_ = Where::kTop;
    } else if (where_ == Where::kTop) {
      key_ == kMetadataKey ? begin_metadata() : begin_tensor();
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool on_object_end(std::size_t, error_code&) {
    if (where_ == Where::kTensor) end_tensor();
    where_ = where_ == Where::kTop ? Where::kOutside : Where::kTop;
    reader_.set_subject("");
    return true;
  }

  bool on_array_begin(error_code&) {
    if (where_ != Where::kTensor || key_ == "dtype") unexpected("an array");
    (key_ == "shape" ? shape_ : offsets_).emplace();
    where_ = Where::kNumbers;
    return true;
  }

  bool on_array_end(std::size_t, error_code&) {
    where_ = Where::kTensor;
    return true;
  }

  bool on_key_part(string_view s, std::size_t n, error_code&) {
    add_text(s, n, where_ == Where::kMetadata ? kMaxKeyBytes : kMaxNameBytes, "key");
    return true;
  }

  bool on_key(string_view s, std::size_t n, error_code& error) {
    on_key_part(s, n, error);
    key_ = std::exchange(text_, {});
    if (where_ == Where::kTensor) check_field_is_new();
    return true;
  }

  bool on_string_part(string_view s, std::size_t n, error_code&) {
    const bool is_dtype = where_ == Where::kTensor && key_ == "dtype";
    if (where_ != Where::kMetadata && !is_dtype) unexpected("a string");
    add_text(s, n, is_dtype ? kMaxNameBytes : kMaxStringBytes, quote(key_));
    return true;
  }

  bool on_string(string_view s, std::size_t n, error_code& error) {
    on_string_part(s, n, error);
    std::string text = std::exchange(text_, {});
    if (where_ == Where::kTensor) {
      dtype_ = parse_dtype(reader_, text);
      return true;
    }
    if (header_.metadata.size() == kMaxMetadataEntries) {
      reader_.fail("entries", "at most " + std::to_string(kMaxMetadataEntries), "more");
    }
    if (!header_.metadata.try_emplace(key_, std::move(text)).second) {
      reader_.fail(quote(key_, kMaxKeyBytes), "a new key", "a duplicate");
    }
    return true;
  }

  bool on_int64(int64_t i, string_view s, error_code&) {
    if (where_ != Where::kNumbers || i < 0) unexpected({s.data(), s.size()});
    auto& numbers = key_ == "shape" ? *shape_ : *offsets_;
    if (numbers.size() == kMaxDims) {
      reader_.fail(key_, "at most " + std::to_string(kMaxDims) + " numbers", "more");
    }
    numbers.push_back(i);
    return true;
  }

  bool on_uint64(uint64_t, string_view s, error_code&) { unexpected({s.data(), s.size()}); }
  bool on_double(double, string_view s, error_code&) { unexpected({s.data(), s.size()}); }
  bool on_bool(bool b, error_code&) { unexpected(b ? "true" : "false"); }
  bool on_null(error_code&) { unexpected("null"); }

 private:
  enum class Where { kOutside, kTop, kMetadata, kTensor, kNumbers };

  [[noreturn]] void unexpected(std::string_view found) const {
    std::string field = quote(key_, kMaxKeyBytes);
    const char* expected = "an object";
    if (where_ == Where::kMetadata) expected = "a string";
    if (where_ == Where::kTensor) expected = key_ == "dtype" ? "a string" : "an array";
    if (where_ == Where::kNumbers) expected = "integers from 0 to 2^63-1";
    if (where_ == Where::kTensor || where_ == Where::kNumbers) field = key_;
    reader_.fail(field, expected, found.substr(0, 40));  // a number may be long
  }

  // Grows text_ to `n` bytes.
  void add_text(string_view s, std::size_t n, std::size_t max_bytes, const std::string& field) {
    if (n > max_bytes) {
      reader_.fail(field, "at most " + std::to_string(max_bytes) + " bytes", std::to_string(n));
    }
    text_.append(s.data(), s.size());
  }

  void begin_metadata() {
    reader_.set_subject(std::string(kMetadataKey));
    if (std::exchange(has_metadata_, true)) reader_.fail("key", "a new key", "a duplicate");
    where_ = Where::kMetadata;
  }

  void begin_tensor() {
    reader_.set_subject("tensor " + quote(key_, kMaxNameBytes));
    if (key_.empty()) reader_.fail("name", "at least 1 byte", "''");
    if (key_.find('\0') != std::string::npos) reader_.fail("name", "no NUL byte", quote(key_));
    if (header_.tensors.size() == kMaxTensors) {
      reader_.fail("tensors", "at most " + std::to_string(kMaxTensors), "more");
    }
    name_ = key_;
    where_ = Where::kTensor;
  }

  void check_field_is_new() const {
    bool is_new = false;
    if (key_ == "dtype") {
      is_new = !dtype_;
    } else if (key_ == "shape") {
      is_new = !shape_;
    } else if (key_ == "data_offsets") {
      is_new = !offsets_;
    } else {
      reader_.fail("key", "dtype, shape or data_offsets", quote(key_));
    }
    if (!is_new) reader_.fail(key_, "a new key", "a duplicate");
  }

  void end_tensor() {
    if (!dtype_) reader_.fail("dtype", "a string", "none");
    if (!shape_) reader_.fail("shape", "an array", "none");
    if (!offsets_) reader_.fail("data_offsets", "an array", "none");
    if (offsets_->size() != 2) {
      reader_.fail("data_offsets", "2 numbers", std::to_string(offsets_->size()));
    }
    const auto begin = static_cast<uint64_t>((*offsets_)[0]);
    const auto end = static_cast<uint64_t>((*offsets_)[1]);
    if (end < begin) {
      reader_.fail("data_offsets", "an end of at least " + std::to_string(begin),
                   std::to_string(end));
    }
    auto bytes = static_cast<uint64_t>(dtype_bytes(*dtype_));
    for (const int64_t dim : *shape_) {
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(dim), &bytes)) {
        reader_.fail("shape", "a size below 2^64 bytes", "a dim of " + std::to_string(dim));
      }
    }
    if (bytes != end - begin) {
      reader_.fail("data_offsets", std::to_string(bytes) + " bytes as dtype and shape say",
                   std::to_string(end - begin));
    }
    header_.tensors.push_back({std::move(name_), *dtype_, std::move(*shape_), begin, end});
    dtype_.reset();
    shape_.reset();
    offsets_.reset();
  }

  ByteReader& reader_;
  Header header_;
  Where where_ = Where::kOutside;
  std::string key_;   // the last one read
  std::string text_;  // the parts so far of a key or string
  bool has_metadata_ = false;
  // The tensor that is being read.
  std::string name_;
  std::optional<SafetensorsDtype> dtype_;
  std::optional<std::vector<int64_t>> shape_;
  std::optional<std::vector<int64_t>> offsets_;
};

void check_names(ByteReader& reader, const std::vector<Entry>& tensors) {
  std::vector<std::string_view> names;
  for (const Entry& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin == names.end()) return;
  reader.set_subject("tensor " + quote(*twin, kMaxNameBytes));
  reader.fail("name", "a new name", "a duplicate");
}

// No holes, no overlaps, nothing before, between or behind: then no byte of the file is without a
// meaning, and two readers cannot differ on one.
void check_layout(ByteReader& reader, const std::vector<Entry>& tensors, uint64_t data_bytes) {
  uint64_t position = 0;
  for (const Entry& tensor : tensors) {
    if (tensor.begin != position) {
      reader.set_subject("tensor " + quote(tensor.name, kMaxNameBytes));
      reader.fail("data_offsets", "to begin at " + std::to_string(position),
                  std::to_string(tensor.begin));
    }
    position = tensor.end;
  }
  if (position != data_bytes) {
    reader.fail("data", std::to_string(position) + " bytes as the header says",
                std::to_string(data_bytes));
  }
}

}  // namespace

Header parse_header(ByteReader& reader, std::string_view text, uint64_t data_bytes) {
  if (!text.starts_with('{')) reader.fail("header", "to begin with '{'", quote(text.substr(0, 1)));
  boost::json::basic_parser<HeaderHandler> parser(boost::json::parse_options{}, reader);
  if (const auto fault = feed_json(parser, text)) {
    reader.fail("byte " + std::to_string(fault->position) + " of the header", "JSON",
                fault->reason);
  }
  Header header = parser.handler().release();
  // Stable: tensors of no bytes may share an offset.
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const Entry& a, const Entry& b) {
                     return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
                   });
  check_names(reader, header.tensors);
  check_layout(reader, header.tensors, data_bytes);
  return header;
}

}  // namespace onebit::safetensors
