#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/checked.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/file.h"
#include "base/half.h"
#include "base/portable_math.h"
#include "base/rng.h"
#include "base/thread_pool.h"

namespace onebit {
namespace {

namespace fs = std::filesystem;

TEST(Half, EveryF16SurvivesTheRoundTrip) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const auto half = static_cast<uint16_t>(h);
    const float f = f16_to_f32(half);
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(f))));
    } else {
      ASSERT_EQ(f32_to_f16(f), half);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  // Between neighbours a < b of binary16, the midpoint goes to the even one and any other value to
  // the nearer one; this holds for normals, subnormals and across the border to infinity.
  for (uint32_t h = 0; h < 0x7bff; ++h) {
    const float a = f16_to_f32(static_cast<uint16_t>(h));
    const float b = f16_to_f32(static_cast<uint16_t>(h + 1));
    const float middle = (a + b) / 2;  // exact in f32
    ASSERT_EQ(f32_to_f16(middle), h + (h & 1));
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, a)), h);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, b)), h + 1);
  }
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(f32_to_f16(-1e30f), 0xfc00);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
}

TEST(Half, Bf16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(1.00390625f), 0x3f80);  // 1 + 2^-8, a tie, down to even
  EXPECT_EQ(f32_to_bf16(1.01171875f), 0x3f82);  // 1 + 3*2^-8, a tie, up to even
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Checked, OverflowIsAnErrorThatNamesTheField) {
  EXPECT_EQ(checked_mul<int64_t>(1 << 20, 1 << 20, "n"), int64_t{1} << 40);
  try {
    checked_mul<uint64_t>(uint64_t{1} << 63, 2, "tensor 'x' bytes");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidFile);
    EXPECT_STREQ(e.what(), "tensor 'x' bytes: 9223372036854775808 x 2 overflows");
  }
  EXPECT_THROW(checked_add<int64_t>(std::numeric_limits<int64_t>::max(), 1, "n"), Error);
}

TEST(ErrorText, QuotedIsOneSafeLine) {
  EXPECT_EQ(quote("blk.0\n\xff"), "'blk.0\\x0a\\xff'");
  EXPECT_EQ(quote("abcdef", 3), "'abc...'");
}

TEST(Rng, IsTheSameEverywhereAndUniform) {
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafu);  // first output of SplitMix64 seeded with 0
  Rng rng(7);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    ASSERT_LT(rng.below(10), 10u);
  }
  EXPECT_NEAR(sum / 100000, 0, 0.02);
  EXPECT_NEAR(squares / 100000, 1, 0.03);
}

TEST(PortableMath, AgreesWithTheCLibrary) {
  Rng rng(3);
  for (int i = 0; i < 100000; ++i) {
    const double x = (rng.uniform() - 0.5) * 1400;
    ASSERT_NEAR(portable_exp(x) / std::exp(x), 1.0, 1e-15) << x;
    const double y = std::exp((rng.uniform() - 0.5) * 80);
    ASSERT_NEAR(portable_log(y), std::log(y), 1e-15 * std::max(1.0, std::fabs(std::log(y)))) << y;
    const double angle = (rng.uniform() - 0.5) * 2e6;
    const auto [s, c] = portable_sin_cos(angle);
    ASSERT_NEAR(s, std::sin(angle), 1e-15) << angle;
    ASSERT_NEAR(c, std::cos(angle), 1e-15) << angle;
  }
  EXPECT_EQ(portable_exp(0), 1.0);
  std::vector<double> xs = {0, 700, -700};
  for (int i = 0; i < 1000; ++i) xs.push_back((rng.uniform() - 0.5) * (i % 2 == 0 ? 2 : 1400));
  auto each = xs;
  portable_exp_each(each.data(), std::ssize(each));
  for (std::size_t i = 0; i < xs.size(); ++i) ASSERT_EQ(each[i], portable_exp(xs[i])) << xs[i];
  EXPECT_EQ(portable_exp(-1000), 0.0);
  EXPECT_EQ(portable_log(1), 0.0);
  EXPECT_EQ(portable_sin_cos(0).sin, 0.0);
  EXPECT_EQ(portable_sin_cos(0).cos, 1.0);
}

TEST(ThreadPool, EveryIndexOnceWithBordersOnSteps) {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    for (const int64_t n : {0, 1, 15, 16, 17, 1000}) {
      std::vector<int> hits(static_cast<std::size_t>(n), 0);
      pool.parallel_for(n, 16, [&](int64_t begin, int64_t end) {
        EXPECT_EQ(begin % 16, 0);
        for (int64_t i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
      });
      for (const int h : hits) EXPECT_EQ(h, 1);
    }
    for (int round = 0; round < 2000; ++round) {  // wake-ups while workers spin and sleep
      std::atomic<int64_t> sum{0};
      pool.parallel_for(threads * 3, 1, [&](int64_t b, int64_t e) { sum += e - b; });
      ASSERT_EQ(sum.load(), threads * 3);
    }
  }
}

TEST(ThreadPool, PinnedThreadsStayOnOneCpu) {
  ThreadPool pool(3, true);
  const std::size_t here = allowed_cpus().size();
  std::atomic<int> pinned{0};
  std::atomic<int> there{0};
  pool.parallel_for(3, 1, [&](int64_t, int64_t) {
    ++there;
    while (there < 3) std::this_thread::yield();  // so that each thread has a part
    if (allowed_cpus().size() == 1) ++pinned;
  });
  EXPECT_EQ(pinned.load(), 2);
  EXPECT_EQ(allowed_cpus().size(), here);  // the caller's thread is not ours
}

// Whoever is free takes what a slow thread has not begun: here one part lasts until all others are
// done, whatever thread they belong to.
TEST(ThreadPool, NoThreadWaitsForWhatASlowOneHasNotBegun) {
  for (const int64_t slow : {0, 7, 8, 15}) {  // pieces of both threads' shares
    ThreadPool pool(2);
    std::atomic<int> done{0};
    pool.parallel_for(16, 1, [&](int64_t begin, int64_t end) {
      ASSERT_EQ(end, begin + 1);
      while (begin == slow && done < 15) std::this_thread::yield();
      ++done;
    });
    EXPECT_EQ(done.load(), 16);
  }
}

TEST(ThreadPool, APartThatThrowsReachesTheCaller) {
  ThreadPool pool(3);
  for (int64_t culprit = 0; culprit < 3; ++culprit) {
    std::atomic<int> done{0};
    EXPECT_THROW(pool.parallel_for(3, 1,
                                   [&](int64_t begin, int64_t) {
                                     if (begin == culprit) throw Error(ErrorCode::kIo, "x");
                                     ++done;
                                   }),
                 Error);
    EXPECT_EQ(done.load(), 2);  // the others finished first
  }
  std::atomic<int> after{0};
  pool.parallel_for(3, 1, [&](int64_t, int64_t) { ++after; });
  EXPECT_EQ(after.load(), 3);
}

// Blocks of all three kinds, taken and given back in another order, hold what was written and start
// as zeros.
TEST(AlignedBuffer, BlocksAreZeroAndApartWhateverWasThereBefore) {
  std::vector<AlignedBuffer<uint8_t>> buffers;
  Rng rng(3);
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<int64_t>(rng.below(round % 10 == 0 ? 9 << 20 : 3 << 20)) + 1;
    AlignedBuffer<uint8_t> buffer(n);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    ASSERT_TRUE(std::all_of(buffer.begin(), buffer.end(), [](uint8_t b) { return b == 0; }));
    std::fill(buffer.begin(), buffer.end(), static_cast<uint8_t>(n % 251 + 1));
    buffers.push_back(std::move(buffer));
    while (buffers.size() > 20 || (round % 50 == 49 && !buffers.empty())) {
      const auto victim = static_cast<std::ptrdiff_t>(rng.below(buffers.size()));
      const auto& b = buffers[static_cast<std::size_t>(victim)];
      const auto mark = static_cast<uint8_t>(b.size() % 251 + 1);
      ASSERT_TRUE(std::all_of(b.begin(), b.end(), [mark](uint8_t v) { return v == mark; }));
      buffers.erase(buffers.begin() + victim);
    }
  }
}

TEST(AlignedBuffer, IsZeroedAlignedAndRefusesTheImpossible) {
  for (const int64_t n : {1, 1000, 3 << 20, 40 << 20}) {
    AlignedBuffer<uint8_t> buffer(n);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    for (int64_t i = 0; i < n; i += 997) ASSERT_EQ(buffer[i], 0);
    buffer[n - 1] = 1;
    AlignedBuffer<uint8_t> moved = std::move(buffer);
    EXPECT_EQ(moved[n - 1], 1);
    EXPECT_EQ(moved.size(), n);
  }
  EXPECT_THROW(AlignedBuffer<float>(int64_t{1} << 50), Error);
  EXPECT_THROW(AlignedBuffer<float>{std::numeric_limits<int64_t>::max()}, Error);
}

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("onebit_base_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  int64_t entries() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }
  fs::path folder_;
};

TEST_F(FileTest, CommitReplacesAndAbandonKeeps) {
  const auto path = folder_ / "f";
  {
    AtomicFile file(path);
    file.write("old");
    file.commit();
  }
  {
    AtomicFile file(path);
    file.write("half of the new");  // no commit: as if an exception had passed
  }
  EXPECT_EQ(entries(), 1);
  auto bytes = read_file(path);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "old");
  {
    AtomicFile file(path);
    file.write("new");
    file.write_zeros(5000);
    EXPECT_EQ(file.position(), 5003);
    file.commit();
  }
  EXPECT_EQ(read_file(path).size(), 5003);
  const FileBytes mapped = FileBytes::map(path);
  EXPECT_EQ(mapped.size(), 5003);
  mapped.release(mapped.span());  // pages come back from the file
  EXPECT_EQ(mapped.span()[0], 'n');
}

TEST_F(FileTest, AFullDiskLeavesTheOldFileAndNoTemporary) {
  const auto path = folder_ / "f";
  {
    AtomicFile file(path);
    file.write("old");
    file.commit();
  }
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(
      {
        AtomicFile file(path);
        file.write_zeros(100000);
        file.commit();
      },
      Error);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(entries(), 1);
  EXPECT_EQ(read_file(path).size(), 3);
}

TEST_F(FileTest, ErrorsNameThePath) {
  for (const auto& path : {folder_ / "absent", folder_}) {
    try {
      read_file(path);
      FAIL();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos);
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);  // the request, not the system
    }
  }
  EXPECT_THROW(AtomicFile(folder_ / "no" / "such"), Error);
}

}  // namespace
}  // namespace onebit
