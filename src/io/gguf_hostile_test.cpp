// The catalogue of broken GGUF files. Whatever the bytes, parsing ends in a file or in one Error
// with a one-line message, and allocates no more than a small multiple of the file.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "io/allocation_count.h"
#include "io/gguf.h"
#include "io/gguf_sample.h"

namespace onebit {
namespace {

using testing::allocated_bytes;
using testing::RawBytes;

constexpr int64_t kAllocationBound = 64 << 10;  // for the sample of some 3 KB, all requests summed

// Parses and compares the sizes of type-0 tensors, as a loader does. Returns the error message, ""
// for a good file.
std::string load(const std::string& bytes) {
  auto buffer = testing::to_buffer(bytes);
  const int64_t before = allocated_bytes();
  std::string message;
  try {
    const GgufFile file = GgufFile::parse(std::move(buffer), "FILE");
    for (const GgufTensor& tensor : file.tensors()) {
      int64_t size = 4;
      for (const int64_t dim : tensor.shape) {
        if (__builtin_mul_overflow(size, dim, &size)) return "tensor size";
      }
      if (tensor.type == 0 && size > static_cast<int64_t>(tensor.available.size())) {
        return "tensor size";
      }
      // Touch both ends: the sanitizer sees a span that leaves the file.
      EXPECT_LE(tensor.available.front() + tensor.available.back(), 510);
    }
  } catch (const Error& e) {
    message = e.what();
    EXPECT_TRUE(message.starts_with("FILE: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 1500u) << message;
    EXPECT_TRUE(e.code() == ErrorCode::kInvalidFile || e.code() == ErrorCode::kUnsupported);
  }
  EXPECT_LE(allocated_bytes() - before, kAllocationBound) << message;
  return message;
}

class GgufHostile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TemporaryFolder folder("hostile");
    testing::write_sample(folder / "f", testing::sample_metadata(), testing::sample_tensors());
    sample_ = testing::read_text(folder / "f");
    data_ = sample_.size() - 256 - 128 - 128 - 192;
    EXPECT_EQ(load(sample_), "");
  }
  static std::string sample_;
  static std::size_t data_;  // where the data blob starts
};
std::string GgufHostile::sample_;
std::size_t GgufHostile::data_ = 0;

TEST_F(GgufHostile, EveryTruncationIsRefused) {
  for (std::size_t n = 0; n < sample_.size(); ++n) ASSERT_NE(load(sample_.substr(0, n)), "") << n;
}

TEST_F(GgufHostile, HostileIntegersAtEveryOffset) {
  constexpr uint64_t k31 = uint64_t{1} << 31;
  constexpr uint64_t k32 = uint64_t{1} << 32;
  constexpr uint64_t k63 = uint64_t{1} << 63;
  const uint64_t values[] = {0,       1,    ~uint64_t{0}, ~uint64_t{0} - 1, k31 - 1, k31, k31 + 1,
                             k32 - 1, k32,  k32 + 1,      k63 / 2,          k63 - 1, k63, k63 - 2,
                             65536,   65537};
  int64_t refused = 0;
  int64_t cases = 0;
  for (std::size_t at = 0; at < data_; ++at) {
    for (const uint64_t value : values) {
      for (const std::size_t width : {4, 8}) {
        std::string bytes = sample_;
        bytes.replace(at, std::min(width, bytes.size() - at), reinterpret_cast<const char*>(&value),
                      std::min(width, bytes.size() - at));
        refused += !load(bytes).empty();
        ++cases;
      }
    }
  }
  EXPECT_GT(refused, cases / 2);
}

TEST_F(GgufHostile, EveryBitFlipped) {
  for (std::size_t at = 0; at < sample_.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = sample_;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      load(bytes);
    }
  }
}

TEST_F(GgufHostile, RandomSplices) {
  Rng rng(1);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = sample_;
    for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
      const auto from = sample_.substr(rng.below(data_), rng.below(40));
      bytes.replace(rng.below(bytes.size()), rng.below(40), from);
    }
    load(bytes);
  }
}

// Each `file` breaks one rule; the message must name the place and what was found.
void expect_refused(const RawBytes& file, std::string_view expected) {
  EXPECT_EQ(load(file.bytes), "FILE: " + std::string(expected));
}

TEST(GgufHostileFile, Preamble) {
  const auto preamble = [](const char* magic, uint32_t version) {
    return RawBytes().text(magic).put(version).put(uint64_t{0}).put(uint64_t{0});
  };
  expect_refused(RawBytes(), "magic: expected 4 bytes, found 0 before end of file");
  expect_refused(preamble("gguf", 3), "magic: expected 'GGUF', found 'gguf'");
  expect_refused(
      preamble("FUGG", 3),
      "magic: expected 'GGUF', found 'FUGG' (a big-endian file? convert it to little-endian)");
  expect_refused(preamble("GGUF", 0x03000000),
                 "version: expected 2 or 3, found 50331648 (a big-endian file? convert it to "
                 "little-endian)");
  for (const uint32_t version : {0u, 1u, 4u}) {
    expect_refused(preamble("GGUF", version),
                   "version: expected 2 or 3, found " + std::to_string(version));
  }
  EXPECT_EQ(load(preamble("GGUF", 2).bytes), "");
}

TEST(GgufHostileFile, Counts) {
  expect_refused(RawBytes().header(65537, 0), "n_tensors: expected at most 65536, found 65537");
  expect_refused(RawBytes().header(0, 65537), "n_kv: expected at most 65536, found 65537");
  expect_refused(RawBytes().header(2, 0).zeros(50),
                 "n_tensors: expected at most 1 before end of file, found 2");
  expect_refused(RawBytes().header(0, 4).zeros(50),
                 "n_kv: expected at most 3 before end of file, found 4");
}

TEST(GgufHostileFile, Keys) {
  const auto with_key = [](std::string_view key) {
    return RawBytes().header(0, 2).kv_u32("ok", 1).kv_u32(key, 2).zeros(20);
  };
  expect_refused(with_key(""), "kv 1: key: expected at least 1 byte, found ''");
  expect_refused(with_key("ok"), "kv 1 ('ok'): key: expected a new key, found a duplicate");
  expect_refused(with_key("a\xff"), "kv 1: key: expected UTF-8, found 'a\\xff'");
  expect_refused(with_key(std::string_view("a\0b", 3)),
                 "kv 1: key: expected no control character, found 'a\\x00b'");
  expect_refused(with_key(std::string(257, 'k')),
                 "kv 1: key: expected at most 256 bytes, found 257");
  EXPECT_EQ(load(with_key(std::string(256, 'k')).bytes), "");
  for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80",
                          "\xf0\x80\x80\x80", "\xe0\x9f\xbf", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_NE(load(with_key(bad).bytes).find("expected UTF-8"), std::string::npos);
  }
  for (const char* good : {"\xc2\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\xe2\x82\xac"}) {
    EXPECT_EQ(load(with_key(good).bytes), "");
  }
}

TEST(GgufHostileFile, Values) {
  const auto value = [](int32_t type) { return RawBytes().header(0, 1).string("k").put(type); };
  const auto array = [&](int32_t type, uint64_t count) {
    return value(9).put(type).put(count).zeros(16);
  };
  for (const int32_t type : {-1, 13, std::numeric_limits<int32_t>::min()}) {
    expect_refused(value(type).zeros(9),
                   "kv 0 ('k'): value type: expected 0 to 12, found " + std::to_string(type));
  }
  for (const int32_t type : {-1, 9, 13}) {
    expect_refused(array(type, 1),
                   "kv 0 ('k'): array element type: expected 0 to 12 but not 9 (nested array), "
                   "found " +
                       std::to_string(type));
  }
  expect_refused(value(7).put(uint8_t{2}).zeros(9), "kv 0 ('k'): bool: expected 0 or 1, found 2");
  expect_refused(value(9).put(int32_t{7}).put(uint64_t{2}).text("\x01\x07").zeros(9),
                 "kv 0 ('k'): array of bool: expected 0 or 1, found 7");
  expect_refused(array(8, 3),
                 "kv 0 ('k'): array length: expected at most 2 before end of file, found 3");
  expect_refused(value(8).put((uint64_t{16} << 20) + 1).zeros(9),
                 "kv 0 ('k'): string: expected at most 16777216 bytes, found 16777217");
  expect_refused(value(9).put(int32_t{8}).put(uint64_t{2}).string("a").put(uint64_t{9}).zeros(8),
                 "kv 0 ('k'): string 1: expected at most 8 bytes, found 9");
  const std::pair<int32_t, uint64_t> sizes[] = {{0, 1}, {1, 1}, {2, 2}, {3, 2},  {4, 4},  {5, 4},
                                                {6, 4}, {7, 1}, {8, 8}, {10, 8}, {11, 8}, {12, 8}};
  for (const auto& [type, size] : sizes) {
    EXPECT_EQ(load(array(type, 16 / size).bytes), "") << type;
    for (const uint64_t count : {16 / size + 1, ~uint64_t{0}, (uint64_t{1} << 61) + 1}) {
      EXPECT_NE(load(array(type, count).bytes).find("array length"), std::string::npos) << type;
    }
  }
}

TEST(GgufHostileFile, Alignment) {
  const auto aligned = [](uint32_t alignment) {
    return RawBytes().header(0, 1).kv_u32("general.alignment", alignment);
  };
  for (const uint32_t bad : {0u, 1u, 3u, 4u, 24u, 8192u, 0x80000000u, 0xffffffffu}) {
    expect_refused(
        aligned(bad),
        "general.alignment: expected a power of two from 8 to 4096, found " + std::to_string(bad));
  }
  for (uint32_t good = 8; good <= 4096; good *= 2) EXPECT_EQ(load(aligned(good).bytes), "");
  for (int32_t type = 0; type <= 12; ++type) {  // the right number in every wrong type
    if (type == 4) continue;
    const auto file = RawBytes().header(0, 1).string("general.alignment").put(type);
    EXPECT_NE(load(RawBytes(file).put(uint64_t{8}).zeros(8).bytes), "") << type;
  }
}

TEST(GgufHostileFile, Tensors) {
  const auto tensor = [](std::string_view name, const std::vector<int64_t>& shape,
                         uint64_t offset = 32) {
    return RawBytes().header(2, 0).tensor("a", {1}, 0).tensor(name, shape, offset).pad().zeros(64);
  };
  EXPECT_EQ(load(tensor("b", {1}).bytes), "");
  expect_refused(tensor("", {1}), "tensor 1: name: expected at least 1 byte, found ''");
  expect_refused(tensor("a", {1}), "tensor 1 'a': name: expected a new name, found a duplicate");
  expect_refused(tensor("\xff", {1}), "tensor 1: name: expected UTF-8, found '\\xff'");
  expect_refused(tensor(std::string(128, 'n'), {1}),
                 "tensor 1: name: expected at most 127 bytes, found 128");
  EXPECT_EQ(load(tensor(std::string(127, 'n'), {1}).bytes), "");
  expect_refused(tensor("b", {}), "tensor 1 'b': n_dims: expected 1 to 4, found 0");
  expect_refused(tensor("b", {1, 1, 1, 1, 1}), "tensor 1 'b': n_dims: expected 1 to 4, found 5");
  expect_refused(tensor("b", {1, 0}), "tensor 1 'b': dim 1: expected at least 1, found 0");
  expect_refused(tensor("b", {-32}), "tensor 1 'b': dim 0: expected at least 1, found -32");
  for (const auto& [a, b] : {std::pair(32, 32), {62, 2}, {1, 62}, {33, 30}}) {
    expect_refused(tensor("b", {int64_t{1} << a, int64_t{1} << b}),
                   "tensor 1 'b': dim 1: expected a product of dims below 2^63, found " +
                       std::to_string(int64_t{1} << b));
  }
  expect_refused(tensor("b", {1}, 33), "tensor 1 'b': offset: expected a multiple of 32, found 33");
  expect_refused(tensor("b", {1}, 64),
                 "tensor 1 'b': offset: expected less than the 64 bytes of data, found 64");
  expect_refused(tensor("b", {1}, ~uint64_t{31}),
                 "tensor 1 'b': offset: expected less than the 64 bytes of data, found "
                 "18446744073709551584");
  expect_refused(tensor("b", {1}, 0),
                 "tensor 0 'a': offset: expected bytes of its own, found 0 as in 'b'");
}

TEST(GgufHostileFile, NoDataForATensor) {
  const auto file = RawBytes().header(1, 0).tensor("a", {1}, 0);
  expect_refused(file, "tensor 0 'a': offset: expected less than the 0 bytes of data, found 0");
  expect_refused(RawBytes(file).pad(),
                 "tensor 0 'a': offset: expected less than the 0 bytes of data, found 0");
}

}  // namespace
}  // namespace onebit
