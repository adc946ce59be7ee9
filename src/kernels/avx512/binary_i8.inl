// Int8 activations times binary tiles, with vpdpbusd.
//
// Lanes. 64 bytes are one step of 32 rows x 16 columns. One vpmultishiftqb copies the 16-bit word
// of a row to both halves of a 32-bit lane, the upper one moved down by four bits, so that bit p of
// byte j is column 4p + j: rows 0..15 from the even words, 16..31 from the odd ones. Shifted down
// and masked, a plane is four codes of each row for one vpdpbusd.
// raw = sum(code * a), code = (w + 1) / 2: dot = 2 * raw - sum(a). |raw| <= 127 * kMaxColumns.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/ternary_i8.inl"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

// Byte offsets in bits, for each half of a 64-bit lane: word 0 (rows 0..15), or word 1.
ONEBIT_INLINE __m512i spread_even() {
  return _mm512_set1_epi64(0x2c24'2820'0c04'0800);
}
ONEBIT_INLINE __m512i spread_odd() {
  return _mm512_set1_epi64(0x3c34'3830'1c14'1810);
}

template <int kTokens>
void binary_dots(const DotsArgs& args) noexcept {
  const __m512i one = _mm512_set1_epi8(1);
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    __m512i sums[kTokens][2];
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) sums[m][0] = sums[m][1] = _mm512_setzero_si512();
    for (int64_t c = begin; c < end; c += 16, tile += args.step_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
      const __m512i step = _mm512_load_si512(tile);
      const __m512i even = _mm512_multishift_epi64_epi8(spread_even(), step);
      const __m512i odd = _mm512_multishift_epi64_epi8(spread_odd(), step);
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p) {
        const __m512i codes0 = _mm512_and_si512(_mm512_srli_epi16(even, p), one);
        const __m512i codes16 = _mm512_and_si512(_mm512_srli_epi16(odd, p), one);
#pragma GCC unroll 8
        for (int m = 0; m < kTokens; ++m) {
          const __m512i acts = broadcast4(args.acts + m * args.act_stride + c + 4 * p);
          sums[m][0] = _mm512_dpbusd_epi32(sums[m][0], codes0, acts);
          sums[m][1] = _mm512_dpbusd_epi32(sums[m][1], codes16, acts);
        }
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m, out += 32) {
      _mm512_storeu_si512(out, sums[m][0]);
      _mm512_storeu_si512(out + 16, sums[m][1]);
    }
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
