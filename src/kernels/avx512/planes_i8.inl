// Int8 activations times ternary (kBits = 2) or binary (kBits = 1) panels, with vpdpbusd.
//
// Assumes (PanelArgs; ops/linear guarantees it): panel 64-byte aligned, cols and group multiples of
// the step, cols <= kMaxColumns, acts readable up to cols, act_sums exact.
//
// Lanes. 64 bytes are one step: 32-bit lane r is row r, its byte j holds columns 4p + j in plane p.
// With the other planes masked off, a lane is four unsigned codes of one row, and one vpdpbusd
// multiplies them by the four activations 4p .. 4p+3, broadcast as a 32-bit word, and adds the
// products to lane r: no horizontal sums, and the broadcast is a memory operand.
//
//   raw = sum(code * a);  ternary (code = w + 1): dot = raw - sum(a)
//                         binary (code = (w + 1) / 2): dot = 2 * raw - sum(a)
//
// One token, or two ternary ones (kByPlane): a plane is masked where it stands, so its codes come
// out times 2^(kBits * p). Each plane has its own accumulator, and its sum is shifted down once at
// the end (exact: it is a multiple of that power). Per 64 weights one `and`, and one vpdpbusd per
// token. More tokens: planes are shifted down, once for all tokens, and go round a token's kChains
// accumulators, so that 6 to 16 vpdpbusd are in flight: 4 or 5 cycles of latency times one (Zen 4)
// or two (Intel) a cycle. Masking in place up to 16 accumulators was 2 to 8 % slower for 4 ternary
// or 2 binary tokens, shifting for one token 25 to 30 %.
//
// Overflow: a masked code is at most 128 (ternary 2 << 6, binary 1 << 7), so a lane gains at most
// 4 * 128 * 128 = 2^16 per step and plane accumulator; kMaxColumns / step * 2^16 is 2^30 for
// ternary and 2^29 for binary. A shared accumulator is part of |raw| <= 2 * 128 * kMaxColumns =
// 2^26.
//
// Bytes per weight: kBits / 8, read once for all tokens. Per 64 weights: 1 (by plane) or 2
// instructions to unpack, and one vpdpbusd with its broadcast per token.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace onebit {
namespace {

__m512i broadcast4(const uint8_t* bytes) {
  int32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return _mm512_set1_epi32(word);
}

template <int kBits, int kTokens>
void planes_i8(const PanelArgs& args) noexcept {
  constexpr int kPlanes = 8 / kBits;
  constexpr int kStep = 4 * kPlanes;
  constexpr bool kByPlane = kPlanes * kTokens <= 8;
  constexpr int kChains = kByPlane ? kPlanes : kTokens == 2 ? 4 : 2;
  static_assert(kMaxColumns / kStep * (4 * 128 * 128) < (int64_t{1} << 31));
  const __m512i low = _mm512_set1_epi8((1 << kBits) - 1);
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const uint8_t* panel = args.panel;
  int32_t* out = args.out;

  for (int64_t g = 0, begin = 0, end = 0; g < n_groups; ++g, begin = end) {
    end = args.group < args.cols - begin ? begin + args.group : args.cols;
    __m512i sums[kTokens][kChains];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * kChains; ++i) {
      sums[i / kChains][i % kChains] = _mm512_setzero_si512();
    }

    for (int64_t c = begin; c < end; c += kStep, panel += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(panel + 2048), _MM_HINT_T0);
      const __m512i step = _mm512_load_si512(panel);
#pragma GCC unroll 8
      for (int p = 0; p < kPlanes; ++p) {
        const __m512i codes = kByPlane ? _mm512_and_si512(step, _mm512_slli_epi16(low, kBits * p))
                                       : _mm512_and_si512(_mm512_srli_epi16(step, kBits * p), low);
#pragma GCC unroll 8
        for (int m = 0; m < kTokens; ++m) {
          const __m512i acts = broadcast4(args.acts + m * args.act_stride + c + 4 * p);
          sums[m][p % kChains] = _mm512_dpbusd_epi32(sums[m][p % kChains], codes, acts);
        }
      }
    }

#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m, out += kPanelRows) {
      __m512i raw = sums[m][0];
#pragma GCC unroll 8
      for (int i = 1; i < kChains; ++i) {
        raw = _mm512_add_epi32(raw, _mm512_srai_epi32(sums[m][i], kByPlane ? kBits * i : 0));
      }
      if (kBits == 1) raw = _mm512_add_epi32(raw, raw);
      const __m512i correction = _mm512_set1_epi32(args.act_sums[m * n_groups + g]);
      _mm512_storeu_si512(out, _mm512_sub_epi32(raw, correction));
    }
  }
}

template <int kBits>
constexpr PanelKernel kPlanesI8[kMaxTokens] = {
    planes_i8<kBits, 1>, planes_i8<kBits, 2>, planes_i8<kBits, 3>, planes_i8<kBits, 4>,
    planes_i8<kBits, 5>, planes_i8<kBits, 6>, planes_i8<kBits, 7>, planes_i8<kBits, 8>};

void ternary_i8(const PanelArgs& args) noexcept {
  kPlanesI8<2>[args.n_tokens - 1](args);
}
void binary_i8(const PanelArgs& args) noexcept {
  kPlanesI8<1>[args.n_tokens - 1](args);
}

}  // namespace
}  // namespace onebit
