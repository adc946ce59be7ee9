// The catalogue of broken safetensors files. Whatever the bytes, parsing ends in a file or in one
// Error with a one-line message, and allocates no more than a small multiple of the header.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "io/allocation_count.h"
#include "io/safetensors_sample.h"

namespace onebit {
namespace {

using testing::allocated_bytes;
using testing::safetensors_bytes;

constexpr int64_t kSafetensorsBound = 32 << 10;  // for the sample of 1 KB, all requests summed

// Returns the error message, "" for a good file.
std::string load_safetensors(const std::string& bytes, int64_t bound = kSafetensorsBound) {
  auto buffer = testing::to_buffer(bytes);
  const int64_t before = allocated_bytes();
  std::string message;
  try {
    const SafetensorsFile file = SafetensorsFile::parse(std::move(buffer), "FILE");
    std::size_t sum = 0;
    for (const SafetensorsTensor& tensor : file.tensors()) {
      sum += tensor.bytes.size();
      // Touch both ends: the sanitizer sees a span that leaves the file.
      if (!tensor.bytes.empty()) {
        EXPECT_LE(tensor.bytes.front() + tensor.bytes.back(), 510);
      }
    }
    EXPECT_LT(sum, bytes.size());
  } catch (const Error& e) {
    message = e.what();
    EXPECT_TRUE(message.starts_with("FILE: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 1500u) << message;
    EXPECT_TRUE(e.code() == ErrorCode::kInvalidFile || e.code() == ErrorCode::kUnsupported);
  }
  EXPECT_LE(allocated_bytes() - before, bound) << message;
  return message;
}

class SafetensorsHostile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TemporaryFolder folder("hostile");
    testing::write_arrays(folder / "f", {{"format", "pt"}}, testing::sample_arrays());
    sample_ = testing::read_text(folder / "f");
    data_ = 8 + static_cast<std::size_t>(sample_[0]) % 256 + 256 * sample_[1];
    EXPECT_EQ(load_safetensors(sample_), "");
    EXPECT_NEAR(static_cast<double>(sample_.size()), 1000, 250);
  }
  static std::string sample_;
  static std::size_t data_;  // where the data starts
};
std::string SafetensorsHostile::sample_;
std::size_t SafetensorsHostile::data_ = 0;

TEST_F(SafetensorsHostile, EveryTruncationIsRefused) {
  for (std::size_t n = 0; n < sample_.size(); ++n)
    ASSERT_NE(load_safetensors(sample_.substr(0, n)), "") << n;
}

TEST_F(SafetensorsHostile, EveryByteMoreIsRefused) {
  for (int byte = 0; byte < 256; ++byte) {
    ASSERT_NE(load_safetensors(sample_ + static_cast<char>(byte)), "") << byte;
  }
}

// Every number of the header, and the header length itself.
TEST_F(SafetensorsHostile, HostileIntegersInEveryPlaceAreRefused) {
  const char* values[] = {"0",
                          "1",
                          "2147483647",
                          "2147483648",
                          "2147483649",
                          "4294967295",
                          "4294967296",
                          "4294967297",
                          "4611686018427387904",
                          "9223372036854775806",
                          "9223372036854775807",
                          "9223372036854775808",
                          "18446744073709551614",
                          "18446744073709551615",
                          "18446744073709551616",
                          "-1",
                          "-0.0",
                          "1e400",
                          "1.5",
                          "\"1\"",
                          "null",
                          "[1]",
                          "{}",
                          "99999999999999999999999999999999"};
  int cases = 0;
  bool in_string = false;
  for (std::size_t at = 8; at < data_; ++at) {
    if (sample_[at] == '"') in_string = !in_string;
    if (sample_[at] == '\\') ++at;
    if (in_string || !std::isdigit(static_cast<unsigned char>(sample_[at]))) continue;
    const std::size_t size = sample_.find_first_not_of("0123456789", at) - at;
    // Where one dim is 0, the others may be anything that does not overflow.
    const bool in_empty_shape = at > sample_.find("\"none\"") &&
                                at < sample_.find("data_offsets", sample_.find("\"none\""));
    for (const char* value : values) {
      if (sample_.substr(at, size) == value) continue;
      const std::string header = std::string(sample_, 8, data_ - 8).replace(at - 8, size, value);
      const std::string message =
          load_safetensors(safetensors_bytes(header, sample_.substr(data_)));
      EXPECT_TRUE(!message.empty() || in_empty_shape)
          << sample_.substr(at - 40, 50) << " -> " << value;
      ++cases;
    }
    at += size - 1;
  }
  EXPECT_GT(cases, 500);
  for (const uint64_t size : {0ull, 1ull, 7ull, 100'000'000ull, 100'000'001ull, 0x7fffffffull,
                              0x80000000ull, 0xffffffffull, 1ull << 32, 1ull << 62, ~0ull >> 1,
                              1ull << 63, ~0ull - 1, ~0ull, ~0ull - 7, ~0ull - 8}) {
    EXPECT_NE(
        load_safetensors(testing::RawBytes().put(uint64_t{size}).text(sample_.substr(8)).bytes),
        "");
  }
}

TEST_F(SafetensorsHostile, EveryBitFlipped) {
  for (std::size_t at = 0; at < data_; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = sample_;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      load_safetensors(bytes);
    }
  }
}

TEST_F(SafetensorsHostile, RandomSplices) {
  Rng rng(1);
  for (int round = 0; round < 20000; ++round) {
    std::string header = sample_.substr(8, data_ - 8);
    for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
      const auto from = sample_.substr(8 + rng.below(data_ - 8), rng.below(40));
      header.replace(rng.below(header.size()), rng.below(40), from);
    }
    load_safetensors(safetensors_bytes(header, sample_.substr(data_)));
  }
}

// Each `header` breaks one rule; the message must name the place and what was found.
void expect_refused(std::string_view header, std::string_view expected,
                    std::string_view data = "12345678") {
  EXPECT_EQ(load_safetensors(safetensors_bytes(header, data)), "FILE: " + std::string(expected))
      << header;
}

// One tensor 'a' with these fields.
std::string tensor(std::string_view fields) {
  return "{\"a\":{" + std::string(fields) + "}}";
}

TEST(SafetensorsHostileFile, HeaderLength) {
  EXPECT_EQ(load_safetensors(""),
            "FILE: header length: expected 8 bytes, found 0 before end of file");
  EXPECT_EQ(load_safetensors(testing::RawBytes().put(uint64_t{100'000'001}).text("{}").bytes),
            "FILE: header length: expected at most 100000000, found 100000001");
  EXPECT_EQ(load_safetensors(testing::RawBytes().put(uint64_t{100'000'000}).text("{}").bytes),
            "FILE: header: expected 100000000 bytes, found 2 before end of file");
  expect_refused("", "header: expected to begin with '{', found ''");
}

TEST(SafetensorsHostileFile, Json) {
  expect_refused(" {}", "header: expected to begin with '{', found ' '");
  expect_refused("[]", "header: expected to begin with '{', found '['");
  expect_refused("\xef\xbb\xbf{}", "header: expected to begin with '{', found '\\xef'");
  expect_refused("{} {}", "byte 3 of the header: expected JSON, found extra data");
  expect_refused(std::string_view("{}\0", 3),
                 "byte 2 of the header: expected JSON, found extra data");
  expect_refused("{\"a\"", "byte 4 of the header: expected JSON, found incomplete JSON");
  expect_refused("{\"a\xff", "byte 3 of the header: expected JSON, found syntax error");
  expect_refused("{'a':1}", "byte 1 of the header: expected JSON, found syntax error");
  expect_refused(tensor(R"("dtype":"U8",)"),
                 "tensor 'a': byte 19 of the header: expected JSON, found syntax error");
  EXPECT_NE(load_safetensors(safetensors_bytes(R"({"\ud800":{}})")), "");
}

TEST(SafetensorsHostileFile, TypesOfValues) {
  for (const char* value : {"1", "-1", "1.5", "1e400", "true", "null"}) {
    const std::string found = std::string(", found ") + value;
    const auto field = [&](std::string_view name) {
      return tensor("\"" + std::string(name) + "\":" + value);
    };
    expect_refused("{\"a\":" + std::string(value) + "}", "'a': expected an object" + found);
    expect_refused(field("dtype"), "tensor 'a': dtype: expected a string" + found);
    expect_refused(field("shape"), "tensor 'a': shape: expected an array" + found);
    expect_refused(field("data_offsets"), "tensor 'a': data_offsets: expected an array" + found);
    expect_refused("{\"__metadata__\":{\"k\":" + std::string(value) + "}}",
                   "__metadata__: 'k': expected a string" + found);
  }
  expect_refused(R"({"a":[]})", "'a': expected an object, found an array");
  expect_refused(R"({"a":"b"})", "'a': expected an object, found a string");
  expect_refused(R"({"__metadata__":null})", "'__metadata__': expected an object, found null");
  expect_refused(R"({"__metadata__":{"k":{}}})",
                 "__metadata__: 'k': expected a string, found an object");
  expect_refused(R"({"__metadata__":{"k":["v"]}})",
                 "__metadata__: 'k': expected a string, found an array");
  expect_refused(tensor(R"("dtype":["U8"])"),
                 "tensor 'a': dtype: expected a string, found an array");
  expect_refused(tensor(R"("shape":"8")"), "tensor 'a': shape: expected an array, found a string");
  expect_refused(tensor(R"("shape":{})"), "tensor 'a': shape: expected an array, found an object");
  for (const auto& [value, found] : {std::pair("-1", "-1"),
                                     {"8.0", "8.0"},
                                     {"1e1", "1e1"},
                                     {"9223372036854775808", "9223372036854775808"},
                                     {"[8]", "an array"},
                                     {"{}", "an object"},
                                     {"\"8\"", "a string"},
                                     {"null", "null"}}) {
    for (const char* field : {"shape", "data_offsets"}) {
      expect_refused(tensor("\"" + std::string(field) + "\":[" + value + "]"),
                     "tensor 'a': " + std::string(field) +
                         ": expected integers from 0 to 2^63-1, found " + found);
    }
  }
}

TEST(SafetensorsHostileFile, Fields) {
  expect_refused(tensor(""), "tensor 'a': dtype: expected a string, found none");
  expect_refused(tensor(R"("dtype":"U8")"), "tensor 'a': shape: expected an array, found none");
  expect_refused(tensor(R"("dtype":"U8","shape":[8])"),
                 "tensor 'a': data_offsets: expected an array, found none");
  expect_refused(tensor(R"("dtype":"U8","shape":[8],"data_offsets":[])"),
                 "tensor 'a': data_offsets: expected 2 numbers, found 0");
  expect_refused(tensor(R"("dtype":"U8","shape":[8],"data_offsets":[0,8,8])"),
                 "tensor 'a': data_offsets: expected 2 numbers, found 3");
  expect_refused(tensor(R"("dtype":"U8","size":8)"),
                 "tensor 'a': key: expected dtype, shape or data_offsets, found 'size'");
  expect_refused(tensor(R"("shape":[1,1,1,1,1,1,1,1,8])"),
                 "tensor 'a': shape: expected at most 8 numbers, found more");
  const std::string known =
      "F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, F8_E4M3, F8_E5M2";
  for (const char* dtype : {"Q9", "", "f32", "F32 ", "F4"}) {
    expect_refused(tensor("\"dtype\":\"" + std::string(dtype) + "\""),
                   "tensor 'a': dtype: expected one of " + known + ", found '" + dtype + "'");
  }
}

TEST(SafetensorsHostileFile, Duplicates) {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const std::string again = R"("\u0061":{"dtype":"U8","shape":[4],"data_offsets":[4,8]})";
  expect_refused("{" + a + "," + a + "}",
                 "tensor 'a': name: expected a new name, found a duplicate");
  expect_refused("{" + a + "," + again + "}",
                 "tensor 'a': name: expected a new name, found a duplicate");
  expect_refused(R"({"__metadata__":{},"__metadata__":{}})",
                 "__metadata__: key: expected a new key, found a duplicate");
  expect_refused(R"({"__metadata__":{"k":"v","k":"v"}})",
                 "__metadata__: 'k': expected a new key, found a duplicate");
  for (const char* field : {R"("dtype":"U8")", R"("shape":[])", R"("data_offsets":[0,8])"}) {
    const std::string name(field + 1, std::strchr(field + 1, '"'));
    expect_refused(tensor(std::string(field) + "," + field),
                   "tensor 'a': " + name + ": expected a new key, found a duplicate");
  }
}

TEST(SafetensorsHostileFile, Layout) {
  const auto pair = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
  };
  EXPECT_EQ(load_safetensors(safetensors_bytes(pair("[0,4]", "[4,8]"), "12345678")), "");
  EXPECT_EQ(load_safetensors(safetensors_bytes(pair("[4,8]", "[0,4]"), "12345678")), "");
  expect_refused(pair("[0,4]", "[5,9]"),
                 "tensor 'b': data_offsets: expected to begin at 4, found 5", "123456789");
  expect_refused(pair("[0,4]", "[3,7]"),
                 "tensor 'b': data_offsets: expected to begin at 4, found 3");
  expect_refused(pair("[0,4]", "[0,4]"),
                 "tensor 'b': data_offsets: expected to begin at 4, found 0");
  expect_refused(pair("[1,5]", "[5,9]"),
                 "tensor 'a': data_offsets: expected to begin at 0, found 1", "123456789");
  expect_refused(pair("[0,4]", "[8,4]"),
                 "tensor 'b': data_offsets: expected an end of at least 8, found 4");
  expect_refused(pair("[0,4]", "[4,9]"),
                 "tensor 'b': data_offsets: expected 4 bytes as dtype and shape say, found 5",
                 "123456789");
  expect_refused(pair("[0,4]", "[4,8]"), "data: expected 8 bytes as the header says, found 7",
                 "1234567");
  expect_refused(pair("[0,4]", "[4,8]"), "data: expected 8 bytes as the header says, found 9",
                 "123456789");
  expect_refused("{}", "data: expected 0 bytes as the header says, found 8");
  const std::string top = "9223372036854775807";
  expect_refused(pair("[0,4]", "[9223372036854775803," + top + "]"),
                 "tensor 'b': data_offsets: expected to begin at 4, found 9223372036854775803");
}

TEST(SafetensorsHostileFile, SizesThatOverflow) {
  const auto shape = [](const std::string& dims, const char* dtype = "F32") {
    return tensor("\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[" + dims +
                  "],\"data_offsets\":[0,8]");
  };
  const std::string k31 = "2147483648";
  const std::string k62 = "4611686018427387904";
  expect_refused(shape(k31 + "," + k31),
                 "tensor 'a': shape: expected a size below 2^64 bytes, found a dim of 2147483648");
  expect_refused(shape(k62, "F32"),
                 "tensor 'a': shape: expected a size below 2^64 bytes, found a dim of " + k62);
  // Wraps to 8 bytes if multiplied without a check: (2^62 + 2) * 4.
  expect_refused(shape("4611686018427387906"),
                 "tensor 'a': shape: expected a size below 2^64 bytes, found a dim of "
                 "4611686018427387906");
  expect_refused(shape(k62 + ",4,0", "U8"),
                 "tensor 'a': shape: expected a size below 2^64 bytes, found a dim of 4");
  expect_refused(shape(k62, "U8"), "tensor 'a': data_offsets: expected " + k62 +
                                       " bytes as dtype and shape say, found 8");
}

TEST(SafetensorsHostileFile, Names) {
  const auto named = [](const std::string& name) {
    return "{\"" + name + R"(":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";
  };
  EXPECT_EQ(load_safetensors(safetensors_bytes(named(std::string(127, 'n')), "12345678")), "");
  expect_refused(named(std::string(128, 'n')), "key: expected at most 127 bytes, found 128");
  expect_refused(named(""), "tensor '': name: expected at least 1 byte, found ''");
  expect_refused(named("a\\u0000b"),
                 "tensor 'a\\x00b': name: expected no NUL byte, found 'a\\x00b'");
  expect_refused(R"({"__metadata__":{")" + std::string(257, 'k') + R"(":""}})",
                 "__metadata__: key: expected at most 256 bytes, found 257");
}

// The most memory for the least header, each a few MB long: ten times its size at most.
TEST(SafetensorsHostileFile, MemoryIsASmallMultipleOfTheHeader) {
  const auto repeat = [](std::string_view item, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += item;
    return text;
  };
  std::string tensors = "{";
  for (int i = 0; i <= 65536; ++i) {
    if (i > 0) tensors += ',';
    tensors += "\"" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  std::string entries = R"({"__metadata__":{"0":"")";
  for (int i = 1; i <= 65536; ++i) entries += ",\"" + std::to_string(i) + "\":\"\"";
  const std::string headers[] = {
      tensors + "}",
      entries + "}}",
      "{\"" + repeat("a", 1 << 22) + "\":{}}",
      R"({"__metadata__":{"k":")" + repeat("\\n", 1 << 22) + "\"}}",
      R"({"__metadata__":{"k":")" + repeat("v", (16 << 20) + 1) + "\"}}",
      tensor(R"("shape":[1)" + repeat(",1", 1 << 22) + "]"),
      tensor(R"("dtype":")" + repeat("U", 1 << 22) + "\""),
      repeat("{\"a\":", 1 << 20),
      "{\"a\":" + repeat("[", 1 << 22),
      tensor("\"shape\":[" + repeat("9", 1 << 22) + "]"),
      "{" + repeat(" ", 1 << 22),
  };
  int good = 0;
  for (const std::string& header : headers) {
    const auto size = static_cast<int64_t>(header.size());
    good += load_safetensors(safetensors_bytes(header), 10 * size).empty();
  }
  EXPECT_EQ(good, 1);  // the long string of newlines
  tensors.resize(tensors.rfind(",\"65536\""));
  EXPECT_EQ(
      load_safetensors(safetensors_bytes(tensors + "}"), 10 * static_cast<int64_t>(tensors.size())),
      "");
}

}  // namespace
}  // namespace onebit
