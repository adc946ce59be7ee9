// Int8 activations times ternary (kBits = 2) or binary (kBits = 1) panels: with SDOT where the
// source is compiled for it (dotprod, ARMv8.2), else with SMLAL.
//
// Assumes (PanelArgs; ops/linear guarantees it): panel 64-byte aligned, cols and group multiples of
// the step, acts readable up to cols, act_sums exact.
//
// Lanes. 64 bytes are one step: 32-bit lane r is row r, its byte j holds columns 4p + j in plane p.
// A register, a quad, holds four rows. Plane p of it, shifted down and masked, is four codes of
// each row; they meet the activations 4p .. 4p+3. One load brings a token's activations of four
// planes.
//   SDOT adds the four products of a row to its int32 lane and takes the activations by lane
//   number, without a broadcast. It is signed times signed, which suits codes of 0..2. SMLAL adds
//   16 products to 16 lanes of int16, in two halves; at the end of a block two pairwise additions
//   make one int32 per row of them.
//
//   raw = sum(code * a);  ternary (code = w + 1): dot = raw - sum(a)
//                         binary (code = (w + 1) / 2): dot = 2 * raw - sum(a)
//
// Registers: 16 of 32 are sums. What tokens leave of them goes to quads (a pass over a block takes
// 4, 2 or 1), then to chains of additions that do not wait for each other.
//
// Overflow of int16: a code is at most 8 / kPlanes (2 or 1), so the planes of a step add at most
// 8 times |a| to a lane; a block of 32 steps stays within 256 * 127 = 32,512 and
// 256 * -128 = -32,768. int32: |raw| <= 2 * 128 * kMaxColumns = 2^26.
//
// Bytes per weight: kBits / 8, read from memory once for all tokens (a block, 2 KiB, is in L1 for
// its later passes).

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace onebit {
namespace {

// The sums of a quad over some columns. add_plane adds the products of a plane's codes and the
// activations 4 * kLane .. 4 * kLane + 3 of 16; rows() is the sum of each row.
#if defined(__ARM_FEATURE_DOTPROD)

struct QuadSums {
  int32x4_t sums = vdupq_n_s32(0);

  template <int kLane>
  void add_plane(int8x16_t codes, int8x16_t acts) {
    sums = vdotq_laneq_s32(sums, codes, acts, kLane);
  }
  int32x4_t rows() const { return sums; }
};
constexpr int kQuadRegisters = 1;

#else

struct QuadSums {
  int16x8_t low = vdupq_n_s16(0);  // rows 0 and 1, four lanes each
  int16x8_t high = vdupq_n_s16(0);

  template <int kLane>
  void add_plane(int8x16_t codes, int8x16_t acts) {
    const int8x16_t four = vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(acts), kLane));
    low = vmlal_s8(low, vget_low_s8(codes), vget_low_s8(four));
    high = vmlal_high_s8(high, codes, four);
  }
  int32x4_t rows() const { return vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)); }
};
constexpr int kQuadRegisters = 2;

#endif

constexpr int power_of_two_within(int n) {
  return n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

template <int kBits, int kPlane>
int8x16_t plane(uint8x16_t step) {
  if constexpr (kPlane > 0) step = vshrq_n_u8(step, kBits * kPlane);
  if constexpr (kBits * (kPlane + 1) < 8) step = vandq_u8(step, vdupq_n_u8((1 << kBits) - 1));
  return vreinterpretq_s8_u8(step);
}

// Planes kFirst .. kFirst + 3 of a step times their 16 activations.
template <int kBits, int kFirst, int kTokens, int kQuads, int kChains>
inline __attribute__((always_inline)) void add_planes(const uint8_t* panel, const uint8_t* acts,
                                                      int64_t act_stride,
                                                      QuadSums (&sums)[kTokens][kQuads][kChains]) {
  int8x16_t a[kTokens];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
    a[m] = vreinterpretq_s8_u8(vld1q_u8(acts + m * act_stride + 4 * kFirst));
  }
#pragma GCC unroll 4
  for (int q = 0; q < kQuads; ++q) {
    const uint8x16_t step = vld1q_u8(panel + 16 * q);
    const int8x16_t p0 = plane<kBits, kFirst>(step);
    const int8x16_t p1 = plane<kBits, kFirst + 1>(step);
    const int8x16_t p2 = plane<kBits, kFirst + 2>(step);
    const int8x16_t p3 = plane<kBits, kFirst + 3>(step);
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) {
      sums[m][q][0].template add_plane<0>(p0, a[m]);
      sums[m][q][1 % kChains].template add_plane<1>(p1, a[m]);
      sums[m][q][2 % kChains].template add_plane<2>(p2, a[m]);
      sums[m][q][3 % kChains].template add_plane<3>(p3, a[m]);
    }
  }
}

// Adds the raw sums of at most 32 steps of 4 * kQuads rows to out[m][0 .. 4 * kQuads - 1]. `panel`
// is the first of these rows in the first step, `acts` the first activation of token 0.
template <int kBits, int kTokens, int kQuads>
void block(const uint8_t* panel, const uint8_t* acts, int64_t act_stride, int64_t n_steps,
           int32_t* out) {
  constexpr int kPlanes = 8 / kBits;
  constexpr int kChains = power_of_two_within(16 / (kTokens * kQuadRegisters * kQuads));
  QuadSums sums[kTokens][kQuads][kChains];

  for (int64_t s = 0; s < n_steps; ++s, panel += 64, acts += 4 * kPlanes) {
    __builtin_prefetch(panel + 2048);
    add_planes<kBits, 0>(panel, acts, act_stride, sums);
    if constexpr (kPlanes == 8) add_planes<kBits, 4>(panel, acts, act_stride, sums);
  }

#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; ++q) {
      int32x4_t raw = sums[m][q][0].rows();
#pragma GCC unroll 4
      for (int i = 1; i < kChains; ++i) raw = vaddq_s32(raw, sums[m][q][i].rows());
      if (kBits == 1) raw = vaddq_s32(raw, raw);
      int32_t* to = out + m * kPanelRows + 4 * q;
      vst1q_s32(to, vaddq_s32(vld1q_s32(to), raw));
    }
  }
}

template <int kBits, int kTokens>
void planes_i8(const PanelArgs& args) noexcept {
  constexpr int64_t kStep = 4 * (8 / kBits);
  constexpr int64_t kBlockSteps = 32;
  constexpr int kQuads = power_of_two_within(16 / (kTokens * kQuadRegisters));
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
      for (int64_t q = 0; q < 4; q += kQuads) {
        block<kBits, kTokens, kQuads>(panel + 16 * q, args.acts + c, args.act_stride, n_steps,
                                      out + 4 * q);
      }
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
