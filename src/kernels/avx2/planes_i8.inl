// Int8 activations times ternary (kBits = 2) or binary (kBits = 1) panels, with vpmaddubsw.
//
// Assumes (PanelArgs; ops/linear guarantees it): panel 64-byte aligned, cols and group multiples of
// the step, acts readable up to cols, act_sums exact.
//
// Lanes. A panel is taken as two halves of eight rows. 32 bytes are one step of a half: 32-bit lane
// r is row r, its byte j holds columns 4p + j in plane p. A plane, shifted down and masked, is four
// unsigned codes of each row; vpmaddubsw multiplies them by the four activations 4p .. 4p+3,
// broadcast as a 32-bit word, and leaves two int16 sums per row. These add up over a block of 16
// steps; then vpmaddwd by 1 makes one int32 per row of them, which is added to `out`.
//
//   raw = sum(code * a);  ternary (code = w + 1): dot = raw - sum(a)
//                         binary (code = (w + 1) / 2): dot = 2 * raw - sum(a)
//
// Overflow of int16 (vpmaddubsw saturates): codes are at most 8 / kPlanes (2 or 1), so a step adds
// at most kPlanes * 2 * (8 / kPlanes) = 16 times |a|; a block of 16 steps stays within 256 * 127 =
// 32,512 and 256 * -128 = -32,768. A plane masked where it stands (code up to 128) would fit one
// vpmaddubsw just as well, 2 * 128 * 127 = 32,512, but then each needs its own widening.
// int32: |raw| <= 2 * 128 * kMaxColumns = 2^26.
//
// Bytes per weight: kBits / 8, read from memory once for all tokens (a block, 1 KiB, is in L1 for
// its second half). Per 32 weights: 2 instructions to unpack, 2 and a broadcast per token.

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace onebit {
namespace {

__m256i broadcast4(const uint8_t* bytes) {
  int32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return _mm256_set1_epi32(word);
}

// Adds the raw sums of at most 16 steps of eight rows to out[m][0..7]. `panel` is the half's first
// step, `acts` the first activation of token 0.
template <int kBits, int kTokens>
void half_block(const uint8_t* panel, const uint8_t* acts, int64_t act_stride, int64_t n_steps,
                int32_t* out) {
  constexpr int kStep = 4 * (8 / kBits);
  const __m256i low = _mm256_set1_epi8((1 << kBits) - 1);
  __m256i sums[kTokens];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) sums[m] = _mm256_setzero_si256();

  for (int64_t s = 0; s < n_steps; ++s, panel += 64, acts += kStep) {
    _mm_prefetch(reinterpret_cast<const char*>(panel + 2048), _MM_HINT_T0);
    const __m256i step = _mm256_load_si256(reinterpret_cast<const __m256i*>(panel));
    // Four planes at a time: their codes and eight sums fit in 16 registers.
#pragma GCC unroll 2
    for (int first = 0; first < 8 / kBits; first += 4) {
      __m256i codes[4];
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p) {
        codes[p] = _mm256_and_si256(_mm256_srli_epi16(step, kBits * (first + p)), low);
      }
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) {
        const uint8_t* a = acts + m * act_stride + 4 * first;
        const __m256i p0 = _mm256_maddubs_epi16(codes[0], broadcast4(a));
        const __m256i p1 = _mm256_maddubs_epi16(codes[1], broadcast4(a + 4));
        const __m256i p2 = _mm256_maddubs_epi16(codes[2], broadcast4(a + 8));
        const __m256i p3 = _mm256_maddubs_epi16(codes[3], broadcast4(a + 12));
        const __m256i planes = _mm256_add_epi16(_mm256_add_epi16(p0, p1), _mm256_add_epi16(p2, p3));
        sums[m] = _mm256_add_epi16(sums[m], planes);
      }
    }
  }

#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
    auto* to = reinterpret_cast<__m256i*>(out + m * kPanelRows);
    __m256i raw = _mm256_madd_epi16(sums[m], _mm256_set1_epi16(1));
    if (kBits == 1) raw = _mm256_add_epi32(raw, raw);
    _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), raw));
  }
}

template <int kBits, int kTokens>
void planes_i8(const PanelArgs& args) noexcept {
  constexpr int64_t kStep = 4 * (8 / kBits);
  constexpr int64_t kBlockSteps = 16;
  const int64_t n_groups = (args.cols - 1) / args.group + 1;
  const uint8_t* panel = args.panel;
  int32_t* out = args.out;
  for (int64_t g = 0, begin = 0, end = 0; g < n_groups; ++g, begin = end) {
    end = args.group < args.cols - begin ? begin + args.group : args.cols;
    for (int64_t m = 0; m < kTokens; ++m) {
      for (int64_t r = 0; r < kPanelRows; ++r) {
        out[m * kPanelRows + r] = -args.act_sums[m * n_groups + g];
      }
    }
    for (int64_t c = begin; c < end; c += kBlockSteps * kStep) {
      const int64_t left = (end - c) / kStep;
      const int64_t n_steps = left < kBlockSteps ? left : kBlockSteps;
      const uint8_t* acts = args.acts + c;
      half_block<kBits, kTokens>(panel, acts, args.act_stride, n_steps, out);
      half_block<kBits, kTokens>(panel + 32, acts, args.act_stride, n_steps, out + 8);
      panel += n_steps * 64;
    }
    out += kTokens * kPanelRows;
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
