// Int8 activations times binary tiles, with vpmaddubsw.
//
// Lanes. A tile of 32 rows is taken as two halves: 32 bytes are words of rows i and 16 + i, for
// i = 0..7 or 8..15. vpshufb copies the word of a row to both halves of a 32-bit lane, so that a
// mask leaves columns 4p .. 4p+3 in its four bytes, and vpminub makes codes 0 and 1 of what it
// leaves. vpmaddubsw by the four activations, broadcast, gives two int16 sums per row, which add up
// over a block of 16 steps. raw = sum(code * a), code = (w + 1) / 2: dot = 2 * raw - sum(a).
//
// Overflow of int16: a step adds at most 4 * 2 = 8 times |a|, a block of 16 steps 128 * 127 =
// 16,256. int32: |raw| <= 127 * kMaxColumns < 2^25.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx2/ternary_i8.inl"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

// Rows i, then rows 16 + i of a half, for one plane.
struct HalfCodes {
  __m256i low;
  __m256i high;
};

ONEBIT_INLINE HalfCodes binary_codes(__m256i low, __m256i high, int p) {
  const __m256i mask = _mm256_set1_epi32((0x10100101 << p));
  const __m256i one = _mm256_set1_epi8(1);
  return {_mm256_min_epu8(_mm256_and_si256(low, mask), one),
          _mm256_min_epu8(_mm256_and_si256(high, mask), one)};
}

// Adds the raw sums of at most 16 steps of a half to out[m][0..7] and out[m][16..23].
template <int kTokens>
void binary_block(const uint8_t* tile, int64_t step_bytes, const uint8_t* acts, int64_t act_stride,
                  int64_t n_steps, int32_t* out) {
  const __m256i even = _mm256_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13,  //
                                        0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13);
  const __m256i odd = _mm256_add_epi8(even, _mm256_set1_epi8(2));
  __m256i sums[kTokens][2];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) sums[m][0] = sums[m][1] = _mm256_setzero_si256();

  for (int64_t s = 0; s < n_steps; ++s, tile += step_bytes, acts += 16) {
    _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
    const __m256i step = _mm256_load_si256(reinterpret_cast<const __m256i*>(tile));
    const __m256i low = _mm256_shuffle_epi8(step, even);
    const __m256i high = _mm256_shuffle_epi8(step, odd);
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const HalfCodes codes = binary_codes(low, high, p);
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) {
        const __m256i a = broadcast4(acts + m * act_stride + 4 * p);
        sums[m][0] = _mm256_add_epi16(sums[m][0], _mm256_maddubs_epi16(codes.low, a));
        sums[m][1] = _mm256_add_epi16(sums[m][1], _mm256_maddubs_epi16(codes.high, a));
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
    add_pairs(out + m * 32, sums[m][0]);
    add_pairs(out + m * 32 + 16, sums[m][1]);
  }
}

template <int kTokens>
void binary_dots(const DotsArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 16;
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * 32; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kBlockSteps * 16) {
      const int64_t n_steps = min_i64((end - c) / 16, kBlockSteps);
      const uint8_t* acts = args.acts + c;
      binary_block<kTokens>(tile, args.step_bytes, acts, args.act_stride, n_steps, out);
      binary_block<kTokens>(tile + 32, args.step_bytes, acts, args.act_stride, n_steps, out + 8);
      tile += n_steps * args.step_bytes;
    }
    out += kTokens * 32;
  }
}

constexpr Dots kBinaryI8 = {{binary_dots<1>, binary_dots<2>, binary_dots<3>, binary_dots<4>,
                             binary_dots<5>, binary_dots<6>, binary_dots<7>, binary_dots<8>},
                            2,
                            -1,
                            0};

void binary_i8(const MatmulArgs& args) noexcept {
  multiply<Packing::kBinaryI8>(args, kBinaryI8);
}

}  // namespace
}  // namespace onebit
