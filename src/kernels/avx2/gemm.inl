// Register tiles of 16 rows x up to 4 tokens (AVX-VNNI: 6), and the unpacking before them.
//
// A loaded register of codes meets every token of the tile, a broadcast activation both registers
// of rows. AVX2: the products of 4 tokens, 8 sums, wait in int16 (products.inl), so 16 rows at a
// time leave registers for them. AVX-VNNI: 12 chains of additions are enough for 5 cycles of
// latency. Float sums of scales per 32 columns are in memory, which loads and stores beside the
// products.
//
// Overflow of int32: |raw| <= 2 * 127 * kMaxColumns < 2^26; int8: 255 * 127 * kMaxColumnsInt8 <
// 2^31.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx2/products.inl"
#include "kernels/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

// Products: SmallProducts or Int8Products.
template <typename Products>
struct TileProducts {
  static constexpr int kRegisters = 16;
  static constexpr int kParts = 2;
  static constexpr int kTokens = kVnni ? 6 : 4;
  static constexpr int kTokensGroups = kTokens;
  static constexpr int64_t kRun = Products::kRun < kBlockCols ? Products::kRun : kBlockCols;

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, int64_t part, const uint8_t* acts, int64_t act_stride,
                         int64_t begin, int64_t end, NI (&sums)[kN][kParts]) {
    for (int64_t c = begin, stop = 0; c < end; c = stop) {
      stop = min_i64(c + kRun, end);
      add_run(block.codes[part / 2] + (c - block.begin) * 16, acts + c, act_stride, stop - c, sums);
    }
  }

  template <int kN>
  ONEBIT_INLINE void add_group(const Block& block, int64_t part, const uint8_t* acts,
                               int64_t act_stride, int64_t begin, NI (&sums)[kN][kParts]) {
    add_run(block.codes[part / 2] + (begin - block.begin) * 16, acts + begin, act_stride, kActGroup,
            sums);
  }

 private:
  // At most kRun columns, a multiple of 16.
  template <int kN>
  ONEBIT_INLINE void add_run(const uint8_t* codes, const uint8_t* acts, int64_t act_stride,
                             int64_t cols, NI (&sums)[kN][kParts]) {
    __m256i runs[kN][kParts];
#pragma GCC unroll 12
    for (int i = 0; i < kN * 2; ++i) {
      runs[i / 2][i % 2] = Products::start((__m256i)sums[i / 2][i % 2]);
    }
    for (int64_t c = 0; c < cols; c += 16, codes += 256, acts += 16) {
#pragma GCC unroll 4
      for (int s = 0; s < 4; ++s) {
        const auto low = Products::load(codes + 64 * s);
        const auto high = Products::load(codes + 64 * s + 32);
#pragma GCC unroll 6
        for (int m = 0; m < kN; ++m) {
          const __m256i a = broadcast4(acts + m * act_stride + 4 * s);
          __m256i run0 = Products::add(runs[m][0], low, a);
          __m256i run1 = Products::add(runs[m][1], high, a);
          // One token after the other: all products first, as GCC would have it, need more
          // registers than there are, and a sum that waits in memory halves the speed.
          asm volatile("" : "+x"(run0), "+x"(run1));
          runs[m][0] = run0;
          runs[m][1] = run1;
        }
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kN * 2; ++i) {
      NI& to = sums[i / 2][i % 2];
      to = (NI)Products::finish((__m256i)to, runs[i / 2][i % 2]);
    }
  }
};

// How rows row .. row + 31 become byte codes in the columns of `block`.

struct TernaryCodes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const __m256i low = _mm256_set1_epi8(3);
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin * 4;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += 64, to += 256) {
        _mm_prefetch(reinterpret_cast<const char*>(from + 2048), _MM_HINT_T0);
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          const __m256i step = _mm256_load_si256(reinterpret_cast<const __m256i*>(from + 32 * i));
          auto* at = reinterpret_cast<__m256i*>(to + 32 * i);
#pragma GCC unroll 4
          for (int p = 0; p < 4; ++p) {
            _mm256_store_si256(at + 2 * p, _mm256_and_si256(_mm256_srli_epi16(step, 2 * p), low));
          }
        }
      }
    }
  }
};

struct Int8Codes {
  static constexpr int32_t kSumFactor = Int8Products::kSumFactor;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    for (int h = 0; h < 2; ++h) block.codes[h] = half_panel(args, row, h) + block.begin * 16;
  }
};

}  // namespace
}  // namespace onebit
