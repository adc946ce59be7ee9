// Int8 activations times ternary tiles, with vpmaddubsw.
//
// Lanes. A tile is taken as two halves of eight rows. 32 bytes are one step of a half: 32-bit lane
// r is row r, its byte j holds columns 4p + j in plane p. A plane, shifted down and masked, is four
// unsigned codes of each row; vpmaddubsw multiplies them by the four activations 4p .. 4p+3,
// broadcast as a 32-bit word, and leaves two int16 sums per row. These add up over a block of 16
// steps; then vpmaddwd by 1 makes one int32 per row of them, which is added to `out`.
// raw = sum(code * a), code = w + 1: dot = raw - sum(a).
//
// Overflow of int16 (vpmaddubsw saturates): codes are at most 2, so a step adds at most 4 * 2 * 2 =
// 16 times |a|; a block of 16 steps stays within 256 * 127 = 32,512. A plane masked where it stands
// (code up to 128) would fit one vpmaddubsw just as well, 2 * 128 * 127 = 32,512, but then each
// needs its own widening. int32: |raw| <= 2 * 127 * kMaxColumns < 2^26.
//
// A block, 1 KiB, is in L1 for its second half. Per 32 weights: 2 instructions to unpack, 2 and a
// broadcast per token.

#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/matmul.inl"

namespace onebit {
namespace {

ONEBIT_INLINE __m256i broadcast4(const uint8_t* bytes) {
  int32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return _mm256_set1_epi32(word);
}

// out[0..7] += pairs of int16 as one int32 each.
ONEBIT_INLINE void add_pairs(int32_t* out, __m256i pairs) {
  auto* to = reinterpret_cast<__m256i*>(out);
  const __m256i sums = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), sums));
}

// Adds the raw sums of at most 16 steps of eight rows to out[m][0..7]. `tile` is the half's first
// step, `acts` the first activation of token 0.
template <int kTokens>
void half_block(const uint8_t* tile, int64_t step_bytes, const uint8_t* acts, int64_t act_stride,
                int64_t n_steps, int32_t* out) {
  const __m256i low = _mm256_set1_epi8(3);
  __m256i sums[kTokens];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) sums[m] = _mm256_setzero_si256();

  for (int64_t s = 0; s < n_steps; ++s, tile += step_bytes, acts += 16) {
    _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
    const __m256i step = _mm256_load_si256(reinterpret_cast<const __m256i*>(tile));
    __m256i codes[4];
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) codes[p] = _mm256_and_si256(_mm256_srli_epi16(step, 2 * p), low);
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) {
      const uint8_t* a = acts + m * act_stride;
      const __m256i p0 = _mm256_maddubs_epi16(codes[0], broadcast4(a));
      const __m256i p1 = _mm256_maddubs_epi16(codes[1], broadcast4(a + 4));
      const __m256i p2 = _mm256_maddubs_epi16(codes[2], broadcast4(a + 8));
      const __m256i p3 = _mm256_maddubs_epi16(codes[3], broadcast4(a + 12));
      const __m256i planes = _mm256_add_epi16(_mm256_add_epi16(p0, p1), _mm256_add_epi16(p2, p3));
      sums[m] = _mm256_add_epi16(sums[m], planes);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) add_pairs(out + m * 16, sums[m]);
}

template <int kTokens>
void ternary_dots(const DotsArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 16;
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * 16; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kBlockSteps * 16) {
      const int64_t n_steps = min_i64((end - c) / 16, kBlockSteps);
      const uint8_t* acts = args.acts + c;
      half_block<kTokens>(tile, args.step_bytes, acts, args.act_stride, n_steps, out);
      half_block<kTokens>(tile + 32, args.step_bytes, acts, args.act_stride, n_steps, out + 8);
      tile += n_steps * args.step_bytes;
    }
    out += kTokens * 16;
  }
}

constexpr Dots kTernaryI8 = {{ternary_dots<1>, ternary_dots<2>, ternary_dots<3>, ternary_dots<4>,
                              ternary_dots<5>, ternary_dots<6>, ternary_dots<7>, ternary_dots<8>},
                             1,
                             -1,
                             0};

void ternary_i8(const MatmulArgs& args) noexcept {
  multiply<Packing::kTernaryI8>(args, kTernaryI8);
}

}  // namespace
}  // namespace onebit
