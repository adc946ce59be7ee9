// Every matmul kernel of every usable instruction set equals a naive product of the codes under the
// written float law (MatmulArgs), bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/checked.h"
#include "base/half.h"
#include "base/rng.h"
#include "base/sanitized.h"
#include "emulation/emulation.h"
#include "kernels/dispatch.h"
#include "kernels/guarded_memory.h"

namespace onebit {
namespace {

constexpr Packing kAllPackings[] = {Packing::kTernaryI8, Packing::kBinaryI8, Packing::kBinaryBit,
                                    Packing::kInt8,      Packing::kTripleI8, Packing::kInt6};
constexpr int64_t kWhole = int64_t{1} << 40;  // one weight scale a row

enum class Values { kRandom, kMax, kMin, kZeros, kAlternating };
constexpr Values kAllValues[] = {Values::kRandom, Values::kMax, Values::kMin, Values::kZeros,
                                 Values::kAlternating};

// A matrix and M tokens as plain numbers, and their product.
struct Problem {
  Packing packing;
  int64_t rows, cols, group, tokens;
  bool act_groups;
  std::vector<int8_t> codes;      // [rows][cols]
  std::vector<float> scales;      // [rows][groups]: f16 numbers
  std::vector<int8_t> acts;       // [tokens][cols]; +1 and -1 for 1-bit activations
  std::vector<float> act_scales;  // [tokens][act_scales_per_token()]
  std::vector<float> y;           // [tokens][rows]

  int64_t groups() const { return ceil_div(cols, std::min(group, cols)); }
  int64_t padded() const { return round_up(cols, kColumnPad); }
  int64_t act_scales_per_token() const { return act_groups ? padded() / kActGroup : 1; }
};

bool is_ternary(Packing packing) {
  return packing == Packing::kTernaryI8 || packing == Packing::kTripleI8;
}

// What a packing is for: triples have one scale a row, bits are 1-bit activations.
bool is_possible(Packing packing, int64_t group, bool act_groups) {
  if (packing == Packing::kTripleI8) return group == kWhole && !act_groups;
  return packing != Packing::kBinaryBit || !act_groups;
}

// Codes are -largest .. largest.
int largest_code(Packing packing) {
  return packing == Packing::kInt8 ? 127 : packing == Packing::kInt6 ? 31 : 1;
}

int8_t make_code(Packing packing, Values values, int64_t col, Rng& rng) {
  const int largest = largest_code(packing);
  switch (values) {
    case Values::kMax:
      return static_cast<int8_t>(largest);
    case Values::kMin:
      return static_cast<int8_t>(-largest);
    case Values::kAlternating:
      if (is_ternary(packing)) return static_cast<int8_t>(col % 3 - 1);
      return static_cast<int8_t>(col % 2 == 0 ? largest : -largest);
    default:
      break;
  }
  if (largest == 1 && !is_ternary(packing)) return rng.below(2) == 0 ? 1 : -1;
  const auto n_codes = static_cast<uint64_t>(2 * largest + 1);
  return static_cast<int8_t>(static_cast<int>(rng.below(n_codes)) - largest);
}

int8_t make_act(Packing packing, Values values, int64_t token, int64_t col, Rng& rng) {
  int value = 0;
  switch (values) {
    case Values::kRandom:
      value = static_cast<int>(rng.below(255)) - 127;
      break;
    case Values::kMax:
      value = token % 2 == 0 || rng.below(2) == 0 ? 127 : -127;
      break;
    case Values::kMin:
      value = -127;
      break;
    case Values::kZeros:
      break;
    case Values::kAlternating:
      value = (token + col) % 2 != 0 ? 127 : -127;
      break;
  }
  if (packing == Packing::kBinaryBit) value = value >= 0 ? 1 : -1;
  return static_cast<int8_t>(value);
}

// The law, as kernel.h writes it.
float product(const Problem& p, int64_t row, int64_t token) {
  const int8_t* w = p.codes.data() + row * p.cols;
  const int8_t* a = p.acts.data() + token * p.cols;
  const float* act_scales = p.act_scales.data() + token * p.act_scales_per_token();
  const auto dot = [&](int64_t begin, int64_t end) {
    int64_t sum = 0;
    for (int64_t c = begin; c < std::min(end, p.cols); ++c) sum += int64_t{w[c]} * a[c];
    return static_cast<float>(static_cast<int32_t>(sum));
  };
  float acc = 0;
  for (int64_t g = 0; g < p.groups(); ++g) {
    const int64_t begin = g * p.group;
    const int64_t end = std::min(begin + p.group, p.cols);
    const float scale = p.scales[static_cast<std::size_t>(row * p.groups() + g)];
    if (!p.act_groups) {
      acc = std::fma(dot(begin, end), scale, acc);
      continue;
    }
    float t = 0;
    for (int64_t c = begin; c < end; c += kActGroup) {
      t = std::fma(dot(c, c + kActGroup), act_scales[c / kActGroup], t);
    }
    acc = std::fma(t, scale, acc);
  }
  return p.act_groups ? acc : acc * *act_scales;
}

Problem make_problem(Packing packing, int64_t rows, int64_t cols, int64_t group, int64_t tokens,
                     bool act_groups, Values values) {
  Problem p{packing, rows, cols, group, tokens, act_groups, {}, {}, {}, {}, {}};
  Rng rng(static_cast<uint64_t>(cols) * 8 + static_cast<uint64_t>(values));
  for (int64_t i = 0; i < rows * cols; ++i) {
    p.codes.push_back(make_code(packing, values, i % cols, rng));
  }
  for (int64_t i = 0; i < tokens * cols; ++i) {
    p.acts.push_back(make_act(packing, values, i / cols, i % cols, rng));
  }
  const auto fill = [&](std::vector<float>& scales, int64_t n) {
    for (int64_t i = 0; i < n; ++i) scales.push_back(static_cast<float>(rng.normal()) * 0.1f);
  };
  fill(p.scales, rows * p.groups());
  for (float& scale : p.scales) scale = f16_to_f32(f32_to_f16(scale));
  fill(p.act_scales, tokens * p.act_scales_per_token());
  for (int64_t m = 0; m < tokens; ++m) {
    for (int64_t r = 0; r < rows; ++r) p.y.push_back(product(p, r, m));
  }
  return p;
}

// Problems laid out as ops/linear does, each buffer against a guard page.
class MatmulTest : public ::testing::Test {
 protected:
  static constexpr float kUntouched = -77.0f;

  void pack(const Problem& p, ScaleType scale_type) {
    const int64_t step = packing_shape(p.packing).rows;
    panels_ = panels_memory_.at_end(packed_bytes(p.packing, p.rows, p.cols));
    scale_type_ = scale_type;
    scales_ = scales_memory_.at_end(padded_rows(p.packing, p.rows) * p.groups() *
                                    scale_bytes(scale_type));
    uint8_t* scales = scales_;
    for (int64_t first = 0; first < p.rows; first += step) {
      const int64_t n = std::min(step, p.rows - first);
      std::vector<const int8_t*> codes;
      for (int64_t r = 0; r < n; ++r) codes.push_back(p.codes.data() + (first + r) * p.cols);
      pack_panel(p.packing, codes.data(), n, p.cols,
                 panels_ + first / step * panel_bytes(p.packing, p.cols));
      for (int64_t g = 0; g < p.groups(); ++g) {
        for (int64_t r = 0; r < padded_rows(p.packing, n); ++r) {
          const float scale =
              r < n ? p.scales[static_cast<std::size_t>((first + r) * p.groups() + g)] : 0;
          const uint16_t half = f32_to_f16(scale);
          const void* from = &scale;
          if (scale_type == ScaleType::kF16) from = &half;
          std::memcpy(scales, from, static_cast<std::size_t>(scale_bytes(scale_type)));
          scales += scale_bytes(scale_type);
        }
      }
    }
  }

  static float* floats_at_end(GuardedMemory& memory, int64_t n) {
    return reinterpret_cast<float*>(memory.at_end(n * 4));
  }

  // The last `n_tokens` tokens of the packed problem.
  MatmulArgs lay_out(const Problem& p, int64_t n_tokens) {
    const bool bits = p.packing == Packing::kBinaryBit;
    const int64_t first = p.tokens - n_tokens;
    MatmulArgs args{};
    args.panels = panels_;
    args.panel_bytes = panel_bytes(p.packing, p.cols);
    args.scales = scales_;
    args.scale_type = scale_type_;
    args.n_rows = p.rows;
    args.cols = p.cols;
    args.group = p.group;
    args.act_stride = bits ? p.padded() / 8 : p.padded();
    args.sums_stride = p.padded() / kSumBlock;
    args.act_scales_stride = p.act_scales_per_token();
    args.act_groups = p.act_groups;
    args.n_tokens = n_tokens;
    args.y_stride = p.rows + 3;

    uint8_t* acts = acts_memory_.at_end(n_tokens * args.act_stride);
    std::fill_n(acts, n_tokens * args.act_stride, uint8_t{0});
    auto* sums = reinterpret_cast<int32_t*>(sums_memory_.at_end(n_tokens * args.sums_stride * 4));
    std::fill_n(sums, n_tokens * args.sums_stride, 0);
    for (int64_t m = 0; m < n_tokens; ++m) {
      const int8_t* from = p.acts.data() + (first + m) * p.cols;
      uint8_t* row = acts + m * args.act_stride;
      for (int64_t c = 0; c < p.cols; ++c) {
        if (bits) {
          row[c / 8] = static_cast<uint8_t>(row[c / 8] | (from[c] > 0) << (c % 8));
        } else {
          row[c] = static_cast<uint8_t>(from[c]);
          sums[m * args.sums_stride + c / kSumBlock] += from[c];
        }
      }
    }
    args.acts = acts;
    args.act_sums = bits ? nullptr : sums;
    float* act_scales = floats_at_end(act_scales_memory_, n_tokens * args.act_scales_stride);
    std::copy(p.act_scales.begin() + first * args.act_scales_stride, p.act_scales.end(),
              act_scales);
    args.act_scales = act_scales;
    return args;
  }

  void check(const Kernels& kernels, const Problem& p, int64_t n_tokens, bool prepare) {
    MatmulArgs args = lay_out(p, n_tokens);
    const auto& [bytes, run] = kernels.prepare[static_cast<int>(p.packing)];
    const int64_t size = bytes == nullptr ? 0 : bytes(p.cols, n_tokens);
    if (prepare && size == 0) return;
    if (prepare) {
      uint8_t* prepared = prepared_memory_.at_end(size);
      const PrepareArgs wanted{args.acts, args.act_stride, p.cols, n_tokens, prepared};
      for (int64_t c = 0; c < p.padded(); c += kColumnPad) run(wanted, c, c + kColumnPad);
      args.prepared = prepared;
    }
    const int64_t n_y = (n_tokens - 1) * args.y_stride + p.rows;
    args.y = floats_at_end(y_memory_, n_y);
    std::fill_n(args.y, n_y, kUntouched);
    kernels.matmul[static_cast<int>(p.packing)](args);

    for (int64_t i = 0; i < n_y; ++i) {
      const int64_t m = i / args.y_stride;
      const int64_t r = i % args.y_stride;
      const float expected =
          r < p.rows ? p.y[static_cast<std::size_t>((p.tokens - n_tokens + m) * p.rows + r)]
                     : kUntouched;
      ASSERT_EQ(0, std::memcmp(&expected, &args.y[i], 4))
          << kernels.isa << " packing " << static_cast<int>(p.packing) << ' ' << p.rows << " x "
          << p.cols << " group " << p.group << (p.act_groups ? " act groups" : "")
          << (scale_type_ == ScaleType::kF16 ? " f16 scales" : "") << (prepare ? " prepared" : "")
          << ": row " << r << " token " << m << " of " << n_tokens << ": expected " << expected
          << ", found " << args.y[i];
    }
  }

  void check_all(const Problem& p, const std::vector<int64_t>& tokens,
                 std::span<const Kernels* const> tables = quick_kernels()) {
    for (const ScaleType scale_type : {ScaleType::kF32, ScaleType::kF16}) {
      pack(p, scale_type);
      for (const Kernels* kernels : tables) {
        if (kernels->matmul[static_cast<int>(p.packing)] == nullptr) continue;
        for (const int64_t m : tokens) {
          for (const bool prepare : {false, true}) {
            check(*kernels, p, m, prepare);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }

  GuardedMemory panels_memory_{4 << 20};
  GuardedMemory scales_memory_{1 << 20};
  GuardedMemory acts_memory_{4 << 20};
  GuardedMemory sums_memory_{1 << 20};
  GuardedMemory act_scales_memory_{1 << 20};
  GuardedMemory prepared_memory_{16 << 20};
  GuardedMemory y_memory_{4 << 20};
  uint8_t* panels_ = nullptr;
  uint8_t* scales_ = nullptr;
  ScaleType scale_type_ = ScaleType::kF32;
};

TEST_F(MatmulTest, EqualsTheNaiveProductForSmallSizes) {
  std::vector<int64_t> sizes(33);
  std::iota(sizes.begin(), sizes.end(), 1);
  sizes.insert(sizes.end(), {48, 63, 64, 65, 95, 96, 97, 127, 128, 129, 160, 192, 200, 255, 256});
  for (const Packing packing : kAllPackings) {
    for (const int64_t cols : sizes) {
      const int64_t rows = 1 + cols * 37 % 150;
      for (const int64_t group : {int64_t{64}, int64_t{128}, kWhole}) {
        for (const bool act_groups : {false, true}) {
          if (!is_possible(packing, group, act_groups)) continue;
          for (const Values values : {Values::kRandom, Values::kAlternating}) {
            if (kIsSanitized && values != Values::kRandom) continue;
            check_all(make_problem(packing, rows, cols, group, 9, act_groups, values),
                      {1, 2, 3, 4, 5, 8, 9});
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST_F(MatmulTest, EqualsTheNaiveProductForExtremeValues) {
  for (const Packing packing : kAllPackings) {
    for (const int64_t cols : {384, 1000, 3200}) {
      if (kIsSanitized && cols == 3200) continue;
      for (const int64_t group : {int64_t{128}, int64_t{192}, int64_t{640}, kWhole}) {
        for (const bool act_groups : {false, true}) {
          if (!is_possible(packing, group, act_groups)) continue;
          for (const Values values : kAllValues) {
            check_all(make_problem(packing, 35, cols, group, 8, act_groups, values),
                      {1, 2, 3, 4, 7, 8});
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST_F(MatmulTest, TakesManyTokensAndRows) {
  for (const Packing packing : kAllPackings) {
    for (const bool act_groups : {false, true}) {
      for (const int64_t group : {int64_t{128}, kWhole}) {
        if (!is_possible(packing, group, act_groups)) continue;
        check_all(make_problem(packing, 67, 640, group, 133, act_groups, Values::kRandom),
                  {10, 11, 16, 31, 64, 133});
        if (HasFatalFailure()) return;
        // more than a block of tokens of any kernel
        check_all(make_problem(packing, 33, 128, group, 530, act_groups, Values::kRandom), {530});
        if (HasFatalFailure()) return;
        check_all(make_problem(packing, 300, 256, group, 17, act_groups, Values::kRandom),
                  {1, 2, 3, 17});
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_F(MatmulTest, TakesAnyNumberOfTokens) {
  std::vector<int64_t> tokens(kIsSanitized ? 35 : 70);
  std::iota(tokens.begin(), tokens.end(), 1);
  for (const Packing packing : kAllPackings) {
    for (const bool act_groups : {false, true}) {
      for (const int64_t group : {int64_t{128}, kWhole}) {
        if (!is_possible(packing, group, act_groups)) continue;
        check_all(make_problem(packing, 35, 200, group, 70, act_groups, Values::kRandom), tokens);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Instruction sets that only the emulator has, where an instruction takes microseconds.
TEST_F(MatmulTest, EmulatedKernelsEqualTheNaiveProduct) {
  std::vector<const Kernels*> emulated;
  for (const Kernels* kernels : testable_kernels()) {
    if (is_emulated(*kernels)) emulated.push_back(kernels);
  }
  if (emulated.empty())
    GTEST_SKIP() << "every compiled instruction set runs natively, or not at all";
  constexpr struct {
    int64_t rows, cols, group, tokens;
  } kSizes[] = {{1, 1, kWhole, 9},  {17, 63, kWhole, 9}, {32, 64, 64, 8},
                {35, 200, 64, 9},   {150, 96, 64, 9},    {33, 256, 128, 17},
                {19, 448, 192, 17}, {3, 1000, 256, 9},   {3, 1000, kWhole, 9}};
  for (const Packing packing : kAllPackings) {
    for (const auto& [rows, cols, group, tokens] : kSizes) {
      for (const bool act_groups : {false, true}) {
        if (!is_possible(packing, group, act_groups)) continue;
        for (const Values values : {Values::kRandom, Values::kMax, Values::kAlternating}) {
          if (kIsSanitized && values != Values::kRandom) continue;
          check_all(make_problem(packing, rows, cols, group, tokens, act_groups, values),
                    {1, 2, 3, 4, 5, 8, tokens}, emulated);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// The overflow bounds in the kernels' comments: the extreme products at the most columns.
TEST(MatmulLimits, AccumulatorsHoldAtTheMostColumns) {
  for (const Packing packing : {Packing::kTernaryI8, Packing::kBinaryI8, Packing::kInt8,
                                Packing::kTripleI8, Packing::kInt6}) {
    const int largest = largest_code(packing);
    const int64_t cols = largest > 1 ? kMaxColumnsInt8 : kMaxColumns;
    for (const int8_t code : {int8_t{1}, int8_t{-1}}) {
      const std::vector<int8_t> row(static_cast<std::size_t>(cols),
                                    static_cast<int8_t>(largest * code));
      const int8_t* rows[] = {row.data(), row.data()};
      AlignedBuffer<uint8_t> panel(panel_bytes(packing, 2, cols));
      pack_panel(packing, rows, 2, cols, panel.data());
      AlignedBuffer<float> scales(padded_rows(packing, 2));
      scales[0] = scales[1] = 1.0f;
      for (const int8_t value : {int8_t{127}, int8_t{-127}}) {
        const auto expected = static_cast<float>(int64_t{row[0]} * value * cols);
        constexpr int64_t kTokens = 9;
        const std::vector<int8_t> acts(static_cast<std::size_t>(kTokens * cols), value);
        const std::vector<int32_t> sums(acts.size() / kSumBlock, 32 * value);
        const std::vector<float> act_scales(kTokens, 1.0f);
        for (const Kernels* kernels : quick_kernels()) {
          if (kernels->matmul[static_cast<int>(packing)] == nullptr) continue;
          const auto& [bytes, run] = kernels->prepare[static_cast<int>(packing)];
          for (const int64_t m :
               {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{4}, int64_t{8}, kTokens}) {
            if (m < kTokens && (is_emulated(*kernels) || (kIsSanitized && m > 1)))
              continue;  // slow
            std::vector<float> y(static_cast<std::size_t>(2 * m));
            MatmulArgs args{};
            args.panels = panel.data();
            args.panel_bytes = panel_bytes(packing, cols);
            args.scales = reinterpret_cast<const uint8_t*>(scales.data());
            args.n_rows = 2;
            args.cols = args.group = cols;
            args.acts = reinterpret_cast<const uint8_t*>(acts.data());
            args.act_stride = cols;
            args.act_sums = sums.data();
            args.sums_stride = cols / kSumBlock;
            args.act_scales = act_scales.data();
            args.act_scales_stride = 1;
            args.n_tokens = m;
            args.y = y.data();
            args.y_stride = 2;
            const int64_t size = bytes == nullptr ? 0 : bytes(cols, m);
            AlignedBuffer<uint8_t> prepared(size);
            if (size > 0) run({args.acts, cols, cols, m, prepared.data()}, 0, cols);
            args.prepared = size > 0 ? prepared.data() : nullptr;
            kernels->matmul[static_cast<int>(packing)](args);
            for (const float found : y) ASSERT_EQ(found, expected) << kernels->isa << ' ' << m;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace onebit
