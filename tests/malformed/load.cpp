#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "catalogue.h"
#include "engine/engine.h"
#include "io/allocation_count.h"
#include "io/gguf_sample.h"

// The linker sends every call of allocate_zeroed here (--wrap): AlignedBuffer takes its memory
// there, past operator new.
extern "C" {
void* __real__ZN6onebit15allocate_zeroedEm(uint64_t bytes);
void* __wrap__ZN6onebit15allocate_zeroedEm(uint64_t bytes);
}

namespace {
int64_t g_buffer_bytes = 0;
}  // namespace

void* __wrap__ZN6onebit15allocate_zeroedEm(uint64_t bytes) {
  g_buffer_bytes += static_cast<int64_t>(bytes);
  return __real__ZN6onebit15allocate_zeroedEm(bytes);
}

namespace onebit::malformed {
namespace {

constexpr int64_t kMaxBytes = int64_t{32} << 20;
constexpr double kMaxSeconds = 1;
constexpr double kSlack = 5;  // a machine that builds something else at the same time; sanitizers

const testing::TemporaryFolder& folder() {
  static const testing::TemporaryFolder folder("malformed");
  return folder;
}

int64_t requested_bytes() {
  return testing::allocated_bytes() + g_buffer_bytes;
}

void load_and_decode(const std::filesystem::path& path) {
  const auto file = ModelFile::open(path);
  Engine engine(file, {.threads = 1});
  Sequence sequence(engine);
  const std::vector<int32_t> tokens(
      static_cast<std::size_t>(std::min<int64_t>(2, sequence.capacity())));
  sequence.append(tokens);
  (void)engine.tokenizer().decode(tokens);
}

}  // namespace

Outcome load(const Case& c) {
  const bool is_gguf = c.files[0].first.ends_with(".gguf");
  const auto root = c.files.size() == 1 ? folder() / "" : folder() / "model";
  std::filesystem::create_directories(root);
  for (const auto& [name, bytes] : c.files) {
    std::filesystem::remove(root / name);  // ext4 syncs a file that is truncated and written again
    std::ofstream(root / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  Outcome outcome;
  const int64_t before = requested_bytes();
  const auto start = std::chrono::steady_clock::now();
  try {
    load_and_decode(is_gguf ? root / c.files[0].first : root);
  } catch (const Error& e) {
    outcome.error = e.what();
    EXPECT_TRUE(e.code() != ErrorCode::kIo && e.code() != ErrorCode::kOutOfMemory)
        << c.name << " would exit with 1: " << e.what();
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  outcome.seconds = elapsed.count();
  outcome.requested_bytes = requested_bytes() - before;
  if (c.files.size() > 1) std::filesystem::remove_all(root);
  return outcome;
}

void check(const Case& c, const Outcome& outcome) {
  const std::string& error = outcome.error;
  if (c.expect == Expect::kReject) {
    EXPECT_NE(error, "") << c.name << " is accepted";
  } else if (c.expect == Expect::kAccept) {
    EXPECT_EQ(error, "") << c.name;
  }
  if (!error.empty()) {
    EXPECT_TRUE(error.starts_with((folder() / "").string()))
        << c.name << ": does not begin with the file: " << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << c.name << ": " << error;
    EXPECT_LT(error.size(), 2000u) << c.name << ": " << error;
  }
  EXPECT_LE(outcome.requested_bytes, kMaxBytes) << c.name << ": " << error;
  EXPECT_LE(outcome.seconds, kSlack * kMaxSeconds) << c.name << ": " << error;
}

}  // namespace onebit::malformed
