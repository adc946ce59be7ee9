// The default model's file, damaged: each time a one-line error or a model that runs, never a
// crash. Worth most under ASan and UBSan (.ci/run).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/rng.h"
#include "engine/engine.h"

namespace onebit {
namespace {

const AlignedBuffer<uint8_t>& original() {
  static const auto bytes = read_file(std::string(ONEBIT_SOURCE_DIR) + "/models/default.gguf");
  return bytes;
}

// Metadata is before `directory`, names, shapes and offsets of tensors before `data`, numbers
// after.
struct Regions {
  int64_t directory;
  int64_t data;
};

Regions regions() {
  AlignedBuffer<uint8_t> copy(original().size());
  std::memcpy(copy.data(), original().data(), static_cast<std::size_t>(copy.size()));
  const uint8_t* begin = copy.data();
  const auto file = open_gguf_model(GgufFile::parse(std::move(copy), "default"));
  int64_t start = file.file_bytes();
  for (const auto& t : file.tensors()) start = std::min(start, t.bytes.data() - begin);
  const std::string first = file.tensors().front().name;
  const auto* found = std::search(begin, begin + start, first.begin(), first.end());
  return {found - begin - 8, start};  // its length is in front
}

// Parses, loads and decodes two tokens. Returns whether that worked.
bool runs(AlignedBuffer<uint8_t> bytes) {
  try {
    const auto file = open_gguf_model(GgufFile::parse(std::move(bytes), "damaged"));
    Engine engine(file, {.threads = 1, .context = 16});
    Sequence sequence(engine);
    const std::vector<int32_t> tokens = {0, 1};
    sequence.append(tokens);
    (void)engine.tokenizer().decode(tokens);
    return true;
  } catch (const Error& e) {
    const std::string message = e.what();
    EXPECT_FALSE(message.empty());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find("damaged"), 0u) << "does not name the file: " << message;
    return false;
  }
}

AlignedBuffer<uint8_t> copy_of(int64_t size) {
  AlignedBuffer<uint8_t> copy(size);
  std::copy_n(original().data(), size, copy.data());
  return copy;
}

TEST(HostileModel, TheOriginalRuns) {
  EXPECT_TRUE(runs(copy_of(original().size())));
}

TEST(HostileModel, EveryTruncationIsRefused) {
  Rng rng(1);
  const int64_t data = regions().data;
  for (int i = 0; i < 100; ++i) {
    const auto size = static_cast<int64_t>(
        rng.below(static_cast<uint64_t>(i % 2 == 0 ? data : original().size())));
    EXPECT_FALSE(runs(copy_of(size))) << "cut at " << size;
  }
  EXPECT_FALSE(runs(copy_of(0)));
  EXPECT_FALSE(runs(copy_of(original().size() - 33)));  // more than the padding at the end
}

TEST(HostileModel, BitFlipsAreRefusedOrHarmless) {
  Rng rng(2);
  const auto [directory, data] = regions();
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    auto bytes = copy_of(original().size());
    const int64_t begin = i % 4 == 0 ? directory : 0;
    const int64_t end = i % 4 == 0 ? data : i % 4 == 1 ? 2000 : i % 4 == 2 ? data : bytes.size();
    bytes[begin + static_cast<int64_t>(rng.below(static_cast<uint64_t>(end - begin)))] ^=
        static_cast<uint8_t>(1u << rng.below(8));
    refused += runs(std::move(bytes)) ? 0 : 1;
  }
  EXPECT_GT(refused, 60);
}

}  // namespace
}  // namespace onebit
