// Int8 activations times int8 tiles, with vpdpbusd: a stored byte, w + 128, is its unsigned operand
// as it stands. raw = sum((w + 128) * a): dot = raw - 128 * sum(a).
// |raw| <= 255 * 127 * kMaxColumnsInt8 < 2^31.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/avx512/ternary_i8.inl"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

template <int kTokens>
void int8_dots(const DotsArgs& args) noexcept {
  constexpr int kChains = kTokens <= 2 ? 4 : 2;
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    __m512i sums[kTokens][kChains];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * kChains; ++i) {
      sums[i / kChains][i % kChains] = _mm512_setzero_si512();
    }
    for (int64_t c = begin; c < end; c += 16) {
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p, tile += args.step_bytes) {
        _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
        const __m512i codes = _mm512_load_si512(tile);
#pragma GCC unroll 8
        for (int m = 0; m < kTokens; ++m) {
          const __m512i acts = broadcast4(args.acts + m * args.act_stride + c + 4 * p);
          sums[m][p % kChains] = _mm512_dpbusd_epi32(sums[m][p % kChains], codes, acts);
        }
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m, out += 16) {
      __m512i raw = sums[m][0];
#pragma GCC unroll 4
      for (int i = 1; i < kChains; ++i) raw = _mm512_add_epi32(raw, sums[m][i]);
      _mm512_storeu_si512(out, raw);
    }
  }
}

constexpr Dots kInt8 = {{int8_dots<1>, int8_dots<2>, int8_dots<3>, int8_dots<4>, int8_dots<5>,
                         int8_dots<6>, int8_dots<7>, int8_dots<8>},
                        1,
                        -128,
                        0};

void int8(const MatmulArgs& args) noexcept {
  multiply<Packing::kInt8>(args, kInt8);
}

}  // namespace
}  // namespace onebit
