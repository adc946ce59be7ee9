// Int8 activations times ternary tiles, with vpdpbusd.
//
// Lanes. 64 bytes are one step: 32-bit lane r is row r, its byte j holds columns 4p + j in plane p.
// With the other planes masked off, a lane is four unsigned codes of one row, and one vpdpbusd
// multiplies them by the four activations 4p .. 4p+3, broadcast as a 32-bit word, and adds the
// products to lane r: no horizontal sums, and the broadcast is a memory operand.
// raw = sum(code * a), code = w + 1: dot = raw - sum(a).
//
// One or two tokens (kByPlane): a plane is masked where it stands, so its codes come out times
// 4^p. Each plane has its own accumulator, and its sum is shifted down once at the end (exact: it
// is a multiple of that power). Per 64 weights one `and`, and one vpdpbusd per token. More tokens:
// planes are shifted down, once for all tokens, and go round a token's two accumulators, so that 6
// to 16 vpdpbusd are in flight: 4 or 5 cycles of latency times one (Zen 4) or two (Intel) a cycle.
// Masking in place up to 16 accumulators was 2 to 8 % slower for 4 tokens, shifting for one token
// 25 to 30 %.
//
// Overflow: a masked code is at most 2 << 6 = 128, so a lane gains at most 4 * 128 * 128 = 2^16 per
// step and plane accumulator; kMaxColumns / 16 * 2^16 is 2^30. A shared accumulator is part of
// |raw| <= 2 * 127 * kMaxColumns < 2^26.

#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/matmul.inl"

namespace onebit {
namespace {

ONEBIT_INLINE __m512i broadcast4(const uint8_t* bytes) {
  int32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return _mm512_set1_epi32(word);
}

template <int kTokens>
void ternary_dots(const DotsArgs& args) noexcept {
  constexpr bool kByPlane = kTokens <= 2;
  constexpr int kChains = kByPlane ? 4 : 2;
  static_assert(kMaxColumns / 16 * (4 * 128 * 128) < (int64_t{1} << 31));
  const __m512i low = _mm512_set1_epi8(3);
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    __m512i sums[kTokens][kChains];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * kChains; ++i) {
      sums[i / kChains][i % kChains] = _mm512_setzero_si512();
    }
    for (int64_t c = begin; c < end; c += 16, tile += args.step_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(tile + 2048), _MM_HINT_T0);
      const __m512i step = _mm512_load_si512(tile);
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p) {
        const __m512i codes = kByPlane ? _mm512_and_si512(step, _mm512_slli_epi16(low, 2 * p))
                                       : _mm512_and_si512(_mm512_srli_epi16(step, 2 * p), low);
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
      for (int i = 1; i < kChains; ++i) {
        raw = _mm512_add_epi32(raw, _mm512_srai_epi32(sums[m][i], kByPlane ? 2 * i : 0));
      }
      _mm512_storeu_si512(out, raw);
    }
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
