// 1-bit activations times binary panels, counting bits with vpshufb.
//
// Assumes (PanelArgs; ops/linear guarantees it): panel 64-byte aligned, cols and group multiples of
// 64, acts readable up to cols / 8 bytes, padding bits 0 on both sides, act_sums the real columns.
//
// Lanes. A panel is taken as four quarters of four rows. 32 bytes are one step of a quarter: 64-bit
// lane r is row r, bit c is column c. A token's 64 activations are one broadcast word: xor marks
// the columns where the signs differ; vpshufb looks up the count of each nibble (Mula, 2008). Byte
// counts add up over a block of 31 steps, then vpsadbw sums the eight bytes of each row.
// dot = n - 2 * count.
//
// Overflow: a byte counts at most 8 per step, 31 * 8 = 248 per block; a row 2^18 in all.
// 1/8 byte per weight, read from memory once for all tokens (a block, 4 KiB, is in L1 for its later
// quarters). Per 256 weights and token: 8 instructions and a broadcast.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace onebit {
namespace {

// Subtracts twice the differences of at most 31 steps of four rows from out[m][0..3]. `panel` is
// the quarter's first step, `acts` the first activation of token 0.
template <int kTokens>
void quarter_block(const uint8_t* panel, const uint8_t* acts, int64_t act_stride, int64_t n_steps,
                   int32_t* out) {
  const __m256i nibble_counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                                 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15);
  __m256i counts[kTokens];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) counts[m] = _mm256_setzero_si256();

  for (int64_t s = 0; s < n_steps; ++s, panel += 128, acts += 8) {
    _mm_prefetch(reinterpret_cast<const char*>(panel + 4096), _MM_HINT_T0);
    const __m256i rows = _mm256_load_si256(reinterpret_cast<const __m256i*>(panel));
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) {
      int64_t word;
      __builtin_memcpy(&word, acts + m * act_stride, sizeof word);
      const __m256i differ = _mm256_xor_si256(rows, _mm256_set1_epi64x(word));
      const __m256i low_counts = _mm256_shuffle_epi8(nibble_counts, _mm256_and_si256(differ, low));
      const __m256i high_counts =
          _mm256_shuffle_epi8(nibble_counts, _mm256_and_si256(_mm256_srli_epi16(differ, 4), low));
      counts[m] = _mm256_add_epi8(counts[m], _mm256_add_epi8(low_counts, high_counts));
    }
  }

  const __m256i low_halves = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
    const __m256i row_counts = _mm256_sad_epu8(counts[m], _mm256_setzero_si256());
    const __m128i count =
        _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(row_counts, low_halves));
    auto* to = reinterpret_cast<__m128i*>(out + m * kPanelRows);
    _mm_storeu_si128(to, _mm_sub_epi32(_mm_loadu_si128(to), _mm_add_epi32(count, count)));
  }
}

template <int kTokens>
void binary_bit(const PanelArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 31;
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const uint8_t* panel = args.panel;
  int32_t* out = args.out;
  for (int64_t g = 0, begin = 0, end = 0; g < n_groups; ++g, begin = end) {
    end = args.group < args.cols - begin ? begin + args.group : args.cols;
    for (int64_t m = 0; m < kTokens; ++m) {
      for (int64_t r = 0; r < kPanelRows; ++r) {
        out[m * kPanelRows + r] = args.act_sums[m * n_groups + g];
      }
    }
    for (int64_t c = begin; c < end; c += kBlockSteps * 64) {
      const int64_t left = (end - c) / 64;
      const int64_t n_steps = left < kBlockSteps ? left : kBlockSteps;
      const uint8_t* acts = args.acts + c / 8;
      for (int64_t q = 0; q < 4; ++q) {
        quarter_block<kTokens>(panel + 32 * q, acts, args.act_stride, n_steps, out + 4 * q);
      }
      panel += n_steps * 128;
    }
    out += kTokens * kPanelRows;
  }
}

constexpr PanelKernel kBinaryBit[kMaxTokens] = {binary_bit<1>, binary_bit<2>, binary_bit<3>,
                                                binary_bit<4>, binary_bit<5>, binary_bit<6>,
                                                binary_bit<7>, binary_bit<8>};

void binary_bit(const PanelArgs& args) noexcept {
  kBinaryBit[args.n_tokens - 1](args);
}

}  // namespace
}  // namespace onebit
