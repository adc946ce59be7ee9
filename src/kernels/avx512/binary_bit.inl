// 1-bit activations times binary tiles, with vpopcntq.
//
// Lanes. 128 bytes are one step: 64-bit lane r of two registers is row r, bit c is column c. A
// token's 64 activations are one broadcast word: xor marks the columns where the signs differ,
// vpopcntq counts them per row. dot = n - 2 * count.
//
// Overflow: counts are at most kMaxColumns = 2^18 in 64-bit lanes, so their low halves are exact.
// 1/8 byte per weight, read once for all tokens; 3 instructions per 512 weights and token.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/matmul.inl"

namespace onebit {
namespace {

template <int kTokens>
void count_differences(const DotsArgs& args) noexcept {
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;

  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    __m512i counts[kTokens][2];
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) counts[m][0] = counts[m][1] = _mm512_setzero_si512();

    for (int64_t c = begin; c < end; c += 64, tile += args.step_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(tile + 2112), _MM_HINT_T0);
      const __m512i rows0 = _mm512_load_si512(tile);
      const __m512i rows8 = _mm512_load_si512(tile + 64);
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) {
        int64_t word;
        __builtin_memcpy(&word, args.acts + m * args.act_stride + c / 8, sizeof word);
        const __m512i acts = _mm512_set1_epi64(word);
        const __m512i differ0 = _mm512_popcnt_epi64(_mm512_xor_si512(rows0, acts));
        const __m512i differ8 = _mm512_popcnt_epi64(_mm512_xor_si512(rows8, acts));
        counts[m][0] = _mm512_add_epi64(counts[m][0], differ0);
        counts[m][1] = _mm512_add_epi64(counts[m][1], differ8);
      }
    }

    const __m512i low_halves =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m, out += 16) {
      const __m512i count = _mm512_permutex2var_epi32(counts[m][0], low_halves, counts[m][1]);
      _mm512_storeu_si512(out, count);
    }
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
