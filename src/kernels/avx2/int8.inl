// Int8 activations times int8 tiles, with vpmaddubsw.
//
// Lanes. 32 bytes are one step of half a tile: 32-bit lane r is row r, byte j column j. The weight
// w = byte - 128 is taken as |w|, unsigned, and its sign goes to the activation, so that a pair of
// products, at most 2 * 127 * 127 = 32,258, does not saturate int16; each pair is widened at once.
// raw = dot. |dot| <= 127 * 127 * kMaxColumnsInt8 < 2^30.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx2/ternary_i8.inl"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

template <int kTokens>
void int8_dots(const DotsArgs& args) noexcept {
  const __m256i sign_bit = _mm256_set1_epi8(-128);
  const __m256i ones = _mm256_set1_epi16(1);
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t half = 0; half < 2; ++half) {
      const uint8_t* tile = args.tile + begin / 4 * args.step_bytes + 32 * half;
      __m256i sums[kTokens];
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) sums[m] = _mm256_setzero_si256();
      for (int64_t c = begin; c < end; c += 4, tile += args.step_bytes) {
        _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
        const __m256i step = _mm256_load_si256(reinterpret_cast<const __m256i*>(tile));
        const __m256i weights = _mm256_xor_si256(step, sign_bit);
        const __m256i sizes = _mm256_abs_epi8(weights);
#pragma GCC unroll 8
        for (int m = 0; m < kTokens; ++m) {
          const __m256i acts = broadcast4(args.acts + m * args.act_stride + c);
          const __m256i pairs = _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(acts, weights));
          sums[m] = _mm256_add_epi32(sums[m], _mm256_madd_epi16(pairs, ones));
        }
      }
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + m * 16 + 8 * half), sums[m]);
      }
    }
    out += kTokens * 16;
  }
}

constexpr Dots kInt8 = {{int8_dots<1>, int8_dots<2>, int8_dots<3>, int8_dots<4>, int8_dots<5>,
                         int8_dots<6>, int8_dots<7>, int8_dots<8>},
                        1,
                        0,
                        0};

void int8(const MatmulArgs& args) noexcept {
  multiply<Packing::kInt8>(args, kInt8);
}

}  // namespace
}  // namespace onebit
