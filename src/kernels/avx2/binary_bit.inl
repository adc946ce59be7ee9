// 1-bit activations times binary tiles, counting bits with vpshufb.
//
// Lanes. A tile is taken as four quarters of four rows. 32 bytes are one step of a quarter: 64-bit
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

#include "kernels/matmul.inl"

namespace onebit {
namespace {

// Adds the differences of at most 31 steps of four rows to out[m][0..3]. `tile` is
// the quarter's first step, `acts` the first activation of token 0.
template <int kTokens>
void quarter_block(const uint8_t* tile, int64_t step_bytes, const uint8_t* acts, int64_t act_stride,
                   int64_t n_steps, int32_t* out) {
  const __m256i nibble_counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                                 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15);
  __m256i counts[kTokens];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) counts[m] = _mm256_setzero_si256();

  for (int64_t s = 0; s < n_steps; ++s, tile += step_bytes, acts += 8) {
    _mm_prefetch(reinterpret_cast<const char*>(tile + 4096), _MM_HINT_T0);
    const __m256i rows = _mm256_load_si256(reinterpret_cast<const __m256i*>(tile));
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
    auto* to = reinterpret_cast<__m128i*>(out + m * 16);
    _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), count));
  }
}

template <int kTokens>
void count_differences(const DotsArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 31;
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * 16; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kBlockSteps * 64) {
      const int64_t left = (end - c) / 64;
      const int64_t n_steps = left < kBlockSteps ? left : kBlockSteps;
      const uint8_t* acts = args.acts + c / 8;
      for (int64_t q = 0; q < 4; ++q) {
        quarter_block<kTokens>(tile + 32 * q, args.step_bytes, acts, args.act_stride, n_steps,
                               out + 4 * q);
      }
      tile += n_steps * args.step_bytes;
    }
    out += kTokens * 16;
  }
}

constexpr Dots kBinaryBit = {
    {count_differences<1>, count_differences<2>, count_differences<3>, count_differences<4>,
     count_differences<5>, count_differences<6>, count_differences<7>, count_differences<8>},
    -2,
    0,
    1};

void binary_bit(const MatmulArgs& args) noexcept {
  multiply<Packing::kBinaryBit>(args, kBinaryBit);
}

}  // namespace
}  // namespace onebit
