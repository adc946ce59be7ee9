// Every kernel of every usable instruction set equals a naive product of the codes, bit for bit.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/checked.h"
#include "base/rng.h"
#include "kernels/dispatch.h"
#include "kernels/pack.h"

namespace onebit {
namespace {

constexpr Packing kAllPackings[] = {Packing::kTernaryI8, Packing::kBinaryI8, Packing::kBinaryBit};

// Memory whose last byte lies right before a page that faults: at_end(n) is a buffer of n bytes.
class GuardedMemory {
 public:
  explicit GuardedMemory(int64_t capacity) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    size_ = round_up(capacity, page);
    void* memory = mmap(nullptr, static_cast<std::size_t>(size_ + page), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ONEBIT_CHECK(memory != MAP_FAILED);
    begin_ = static_cast<uint8_t*>(memory);
    page_ = page;
    ONEBIT_CHECK(mprotect(begin_ + size_, static_cast<std::size_t>(page), PROT_NONE) == 0);
  }
  ~GuardedMemory() { munmap(begin_, static_cast<std::size_t>(size_ + page_)); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  uint8_t* at_end(int64_t bytes) {
    ONEBIT_CHECK(bytes <= size_);
    return begin_ + size_ - bytes;
  }

 private:
  uint8_t* begin_ = nullptr;
  int64_t size_ = 0;
  int64_t page_ = 0;
};

enum class Values { kRandom, kMax, kMin, kZeros, kAlternating };
constexpr Values kAllValues[] = {Values::kRandom, Values::kMax, Values::kMin, Values::kZeros,
                                 Values::kAlternating};

// 16 rows of codes and 8 tokens, as plain numbers, and what their products are.
struct Problem {
  Packing packing;
  int64_t cols;
  int64_t group;
  std::vector<int8_t> codes;      // [16][cols]
  std::vector<int8_t> acts;       // [8][cols]; +1 and -1 for 1-bit activations
  std::vector<int32_t> act_sums;  // [8][groups]: what PanelArgs wants for this packing
  std::vector<int64_t> dots;      // [groups][8][16]

  int64_t groups() const { return ceil_div(cols, group); }
};

int8_t make_code(Packing packing, Values values, int64_t col, Rng& rng) {
  if (values == Values::kMax || values == Values::kMin) return 1;  // the largest code, every plane
  if (packing == Packing::kTernaryI8) {
    return values == Values::kAlternating ? static_cast<int8_t>(col % 3 - 1)
                                          : static_cast<int8_t>(rng.below(3)) - 1;
  }
  const bool plus = values == Values::kAlternating ? col % 2 == 0 : rng.below(2) == 0;
  return plus ? 1 : -1;
}

int8_t make_act(Packing packing, Values values, int64_t token, int64_t col, Rng& rng) {
  const bool odd = (token + col) % 2 != 0;
  int value = 0;
  switch (values) {
    case Values::kRandom:
      value = static_cast<int>(rng.below(256)) - 128;
      break;
    case Values::kMax:
      value = token % 2 == 0 || rng.below(2) == 0 ? 127 : -127;
      break;
    case Values::kMin:
      value = -128;
      break;
    case Values::kZeros:
      break;
    case Values::kAlternating:
      value = odd ? 127 : -128;
      break;
  }
  if (packing == Packing::kBinaryBit) value = value >= 0 ? 1 : -1;
  return static_cast<int8_t>(value);
}

Problem make_problem(Packing packing, int64_t cols, int64_t group, Values values) {
  Problem p{packing, cols, group, {}, {}, {}, {}};
  Rng rng(static_cast<uint64_t>(cols) * 8 + static_cast<uint64_t>(values));
  for (int64_t i = 0; i < kPanelRows * cols; ++i) {
    p.codes.push_back(make_code(packing, values, i % cols, rng));
  }
  for (int64_t i = 0; i < kMaxTokens * cols; ++i) {
    p.acts.push_back(make_act(packing, values, i / cols, i % cols, rng));
  }
  for (int64_t m = 0; m < kMaxTokens; ++m) {
    for (int64_t begin = 0; begin < cols; begin += group) {
      const int64_t end = std::min(begin + group, cols);
      const int8_t* row = p.acts.data() + m * cols;
      p.act_sums.push_back(packing == Packing::kBinaryBit
                               ? static_cast<int32_t>(end - begin)
                               : std::accumulate(row + begin, row + end, 0));
    }
  }
  for (int64_t begin = 0; begin < cols; begin += group) {
    for (int64_t m = 0; m < kMaxTokens; ++m) {
      for (int64_t r = 0; r < kPanelRows; ++r) {
        int64_t dot = 0;
        for (int64_t c = begin; c < std::min(begin + group, cols); ++c) {
          dot += int64_t{p.codes[r * cols + c]} * p.acts[m * cols + c];
        }
        p.dots.push_back(dot);
      }
    }
  }
  return p;
}

class PanelTest : public ::testing::Test {
 protected:
  static constexpr int64_t kMaxCols = 6912;

  // Lays the problem out as ops/linear does, each buffer against a guard page.
  void lay_out(const Problem& p) {
    const int8_t* rows[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; ++r) rows[r] = p.codes.data() + r * p.cols;
    panel_ = panel_memory_.at_end(panel_bytes(p.packing, p.cols));
    pack_panel(p.packing, rows, p.cols, panel_);

    const bool bits = p.packing == Packing::kBinaryBit;
    const int64_t padded = round_up(p.cols, kColumnPad);
    act_stride_ = bits ? padded / 8 : padded;
    for (int64_t m = 0; m < kMaxTokens; ++m) {
      uint8_t* row = acts_memory_.at_end((kMaxTokens - m) * act_stride_);
      std::fill_n(row, act_stride_, uint8_t{0});
      const int8_t* acts = p.acts.data() + m * p.cols;
      if (!bits) std::copy(acts, acts + p.cols, row);
      for (int64_t c = 0; bits && c < p.cols; ++c) {
        row[c / 8] = static_cast<uint8_t>(row[c / 8] | (acts[c] > 0) << (c % 8));
      }
    }
  }

  // The last `n_tokens` tokens of the laid out problem through one kernel.
  void check(const Kernels& kernels, const Problem& p, int64_t n_tokens) {
    const int64_t groups = p.groups();
    const int64_t first = kMaxTokens - n_tokens;
    auto* sums = reinterpret_cast<int32_t*>(sums_memory_.at_end(n_tokens * groups * 4));
    std::copy(p.act_sums.begin() + first * groups, p.act_sums.end(), sums);
    const int64_t n_out = groups * n_tokens * kPanelRows;
    auto* out = reinterpret_cast<int32_t*>(out_memory_.at_end(n_out * 4));
    std::fill_n(out, n_out, -77);

    PanelArgs args{};
    args.panel = panel_;
    args.acts = acts_memory_.at_end(n_tokens * act_stride_);
    args.act_stride = act_stride_;
    args.cols = round_up(p.cols, packing_step(p.packing));
    args.group = p.group;
    args.n_tokens = n_tokens;
    args.act_sums = sums;
    args.out = out;
    kernels.panel[static_cast<int>(p.packing)](args);

    for (int64_t i = 0; i < n_out; ++i) {
      const int64_t g = i / (n_tokens * kPanelRows);
      const int64_t m = i / kPanelRows % n_tokens;
      const int64_t r = i % kPanelRows;
      ASSERT_EQ(out[i], p.dots[(g * kMaxTokens + first + m) * kPanelRows + r])
          << kernels.isa << " packing " << static_cast<int>(p.packing) << " cols " << p.cols
          << " group " << p.group << ": group " << g << " token " << m << " of " << n_tokens
          << " row " << r;
    }
  }

  GuardedMemory panel_memory_{panel_bytes(Packing::kTernaryI8, kMaxCols)};
  GuardedMemory acts_memory_{kMaxTokens * kMaxCols};
  GuardedMemory sums_memory_{kMaxTokens * kMaxCols / 64 * 4};
  GuardedMemory out_memory_{kMaxTokens * kMaxCols / 64 * kPanelRows * 4};
  uint8_t* panel_ = nullptr;
  int64_t act_stride_ = 0;
};

TEST_F(PanelTest, EveryKernelEqualsTheNaiveProduct) {
  std::vector<int64_t> sizes(131);
  std::iota(sizes.begin(), sizes.end(), 1);
  sizes.insert(sizes.end(), {256, 384, 1000, 1024, 3200, kMaxCols});
  for (const Packing packing : kAllPackings) {
    for (const int64_t cols : sizes) {
      for (const int64_t group : {int64_t{64}, int64_t{128}, int64_t{256}, int64_t{1} << 40}) {
        for (const Values values : kAllValues) {
          const Problem problem = make_problem(packing, cols, group, values);
          lay_out(problem);
          for (const Kernels* kernels : usable_kernels()) {
            for (int64_t m = 1; m <= kMaxTokens; ++m) {
              check(*kernels, problem, m);
              if (HasFatalFailure()) return;
            }
          }
        }
      }
    }
  }
}

// The overflow bounds in the kernels' comments, at kMaxColumns and the extreme products.
TEST(PanelLimits, AccumulatorsHoldAtMaxColumns) {
  for (const Packing packing : {Packing::kTernaryI8, Packing::kBinaryI8}) {
    const std::vector<int8_t> ones(kMaxColumns, 1);
    const int8_t* rows[kPanelRows];
    std::fill(std::begin(rows), std::end(rows), ones.data());
    std::vector<uint8_t> memory(panel_bytes(packing, kMaxColumns) + 64);
    uint8_t* panel = memory.data() + (-reinterpret_cast<uintptr_t>(memory.data()) & 63);
    pack_panel(packing, rows, kMaxColumns, panel);
    for (const int8_t value : {int8_t{127}, int8_t{-128}}) {
      const std::vector<int8_t> acts(kMaxColumns, value);
      const std::vector<int32_t> sums(kMaxTokens, value * static_cast<int32_t>(kMaxColumns));
      for (const Kernels* kernels : usable_kernels()) {
        for (int64_t m = 1; m <= kMaxTokens; ++m) {
          std::vector<int32_t> out(m * kPanelRows);
          kernels->panel[static_cast<int>(packing)](
              {panel, reinterpret_cast<const uint8_t*>(acts.data()), 0, kMaxColumns, kMaxColumns, m,
               sums.data(), out.data()});
          for (const int32_t dot : out) ASSERT_EQ(dot, sums[0]) << kernels->isa;
        }
      }
    }
  }
}

}  // namespace
}  // namespace onebit
