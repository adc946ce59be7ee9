// Register tiles of 16 rows x up to 4 tokens with vpmaddubsw, and the unpacking before them.
//
// Lanes. 32 bytes of codes are 8 rows x 4 columns: vpmaddubsw multiplies them by the four
// activations, broadcast, and leaves two int16 sums per row. These add up for at most 256 columns;
// then vpmaddwd by 1 makes one int32 per row of them.
//
// Overflow of int16 (vpmaddubsw saturates): codes are at most 2, so 256 columns, 128 of them in a
// lane, stay within 128 * 2 * 127 = 32,512. int32: |raw| <= 2 * 127 * kMaxColumns < 2^26.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx2/binary_i8.inl"
#include "kernels/avx2/ternary_i8.inl"
#include "kernels/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

struct MaddProducts {
  static constexpr int kTokens = 4;
  static constexpr int kTokensGroups = 4;

  template <int kN>
  ONEBIT_INLINE void add(const Block& block, const uint8_t* acts, int64_t act_stride, int64_t begin,
                         int64_t end, NI (&sums)[kN][kRowParts]) {
    const __m256i one = _mm256_set1_epi16(1);
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const uint8_t* codes = block.codes[h] + (begin - block.begin) * 16;
      for (int64_t c = begin, stop = 0; c < end; c = stop) {
        stop = min_i64(c + 256, end);
        __m256i pairs[kN][2];
#pragma GCC unroll 4
        for (int m = 0; m < kN; ++m) pairs[m][0] = pairs[m][1] = _mm256_setzero_si256();
        add_pairs(codes, acts + c, act_stride, stop - c, pairs);
        codes += (stop - c) * 16;
#pragma GCC unroll 4
        for (int m = 0; m < kN; ++m) {
          sums[m][2 * h] += (NI)_mm256_madd_epi16(pairs[m][0], one);
          sums[m][2 * h + 1] += (NI)_mm256_madd_epi16(pairs[m][1], one);
        }
      }
    }
  }

 private:
  // 16 rows and `cols` columns, a multiple of 32.
  template <int kN>
  ONEBIT_INLINE void add_pairs(const uint8_t* codes, const uint8_t* acts, int64_t act_stride,
                               int64_t cols, __m256i (&pairs)[kN][2]) {
    for (int64_t c = 0; c < cols; c += 4, codes += 64) {
      const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(codes));
      const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(codes + 32));
#pragma GCC unroll 4
      for (int m = 0; m < kN; ++m) {
        const __m256i a = broadcast4(acts + m * act_stride + c);
        __m256i sum0 = _mm256_add_epi16(pairs[m][0], _mm256_maddubs_epi16(low, a));
        __m256i sum1 = _mm256_add_epi16(pairs[m][1], _mm256_maddubs_epi16(high, a));
        // One token after the other: all products first, as GCC would have it, need more registers
        // than there are, and a sum that waits in memory halves the speed.
        asm volatile("" : "+x"(sum0), "+x"(sum1));
        pairs[m][0] = sum0;
        pairs[m][1] = sum1;
      }
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

// Codes 0 and 2: a byte is masked to one bit, which min makes 1, which doubles.
struct BinaryCodes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    binary_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const int64_t step_bytes = binary_step_bytes(args, row);
    const uint8_t* from = binary_tile(args, row, block.begin);
    block.codes[0] = block.buffer[0];
    block.codes[1] = block.buffer[1];
    for (int64_t k = 0; k < block.end - block.begin; k += 16, from += step_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(from + 4096), _MM_HINT_T0);
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const __m256i step = _mm256_load_si256(reinterpret_cast<const __m256i*>(from + 32 * i));
        const __m256i low = _mm256_shuffle_epi8(step, even_words());
        const __m256i high = _mm256_shuffle_epi8(step, odd_words());
#pragma GCC unroll 4
        for (int p = 0; p < 4; ++p) {
          const HalfCodes codes = binary_codes(low, high, p);
          const int64_t to = k * 16 + 64 * p + 32 * i;
          _mm256_store_si256(reinterpret_cast<__m256i*>(block.buffer[0] + to),
                             _mm256_add_epi8(codes.low, codes.low));
          _mm256_store_si256(reinterpret_cast<__m256i*>(block.buffer[1] + to),
                             _mm256_add_epi8(codes.high, codes.high));
        }
      }
    }
  }
};

}  // namespace
}  // namespace onebit
