// Int8 activations times ternary tiles: with SDOT where the source is compiled for it (dotprod,
// ARMv8.2), else with SMLAL.
//
// Lanes. 64 bytes are one step: 32-bit lane r is row r, its byte j holds columns 4p + j in plane p.
// A register, a quad, holds four rows. Plane p of it, shifted down and masked, is four codes of
// each row; they meet the activations 4p .. 4p+3. One load brings a token's activations of four
// planes.
//   SDOT adds the four products of a row to its int32 lane and takes the activations by lane
//   number, without a broadcast. It is signed times signed, which suits codes of 0..2. SMLAL adds
//   16 products to 16 lanes of int16, in two halves; at the end of a block two pairwise additions
//   make one int32 per row of them.
// raw = sum(code * a), code = w + 1: dot = raw - sum(a).
//
// Registers: 16 of 32 are sums. What tokens leave of them goes to quads (a pass over a block takes
// 4, 2 or 1), then to chains of additions that do not wait for each other.
//
// Overflow of int16: a code is at most 2, so the planes of a step add at most 8 times |a| to a
// lane; a block of 32 steps stays within 256 * 127 = 32,512. int32: |raw| <= 2 * 127 * kMaxColumns
// < 2^26.
//
// A block, 2 KiB, is in L1 for its later passes.

#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/matmul.inl"

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

// The codes of planes 0..3, one register each, times 16 activations of each token.
template <int kTokens, int kChains>
ONEBIT_INLINE void add_planes(const int8x16_t (&codes)[4], const int8x16_t (&acts)[kTokens],
                              QuadSums (&sums)[kTokens][kChains]) {
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
    sums[m][0].template add_plane<0>(codes[0], acts[m]);
    sums[m][1 % kChains].template add_plane<1>(codes[1], acts[m]);
    sums[m][2 % kChains].template add_plane<2>(codes[2], acts[m]);
    sums[m][3 % kChains].template add_plane<3>(codes[3], acts[m]);
  }
}

template <int kTokens>
ONEBIT_INLINE void load_acts(const uint8_t* acts, int64_t act_stride, int8x16_t (&to)[kTokens]) {
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) to[m] = vreinterpretq_s8_u8(vld1q_u8(acts + m * act_stride));
}

// out[m][0..3] += the rows of a quad, for tokens token_stride ints apart.
template <int kTokens, int kChains>
ONEBIT_INLINE void add_rows(const QuadSums (&sums)[kTokens][kChains], int64_t token_stride,
                            int32_t* out) {
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
    int32x4_t raw = sums[m][0].rows();
#pragma GCC unroll 4
    for (int i = 1; i < kChains; ++i) raw = vaddq_s32(raw, sums[m][i].rows());
    int32_t* to = out + m * token_stride;
    vst1q_s32(to, vaddq_s32(vld1q_s32(to), raw));
  }
}

// Adds the raw sums of at most 32 steps of 4 * kQuads rows to out[m][0 .. 4 * kQuads - 1]. `tile`
// is the first of these rows in the first step, `acts` the first activation of token 0.
template <int kTokens, int kQuads>
void ternary_block(const uint8_t* tile, int64_t step_bytes, const uint8_t* acts, int64_t act_stride,
                   int64_t n_steps, int32_t* out) {
  constexpr int kChains = power_of_two_within(16 / (kTokens * kQuadRegisters * kQuads));
  QuadSums sums[kQuads][kTokens][kChains];
  const uint8x16_t low = vdupq_n_u8(3);
  for (int64_t s = 0; s < n_steps; ++s, tile += step_bytes, acts += 16) {
    __builtin_prefetch(tile + 2048);
    int8x16_t a[kTokens];
    load_acts(acts, act_stride, a);
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; ++q) {
      const uint8x16_t step = vld1q_u8(tile + 16 * q);
      const int8x16_t codes[4] = {vreinterpretq_s8_u8(vandq_u8(step, low)),
                                  vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(step, 2), low)),
                                  vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(step, 4), low)),
                                  vreinterpretq_s8_u8(vshrq_n_u8(step, 6))};
      add_planes(codes, a, sums[q]);
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < kQuads; ++q) add_rows(sums[q], 16, out + 4 * q);
}

template <int kTokens>
void ternary_dots(const DotsArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 32;
  constexpr int kQuads = power_of_two_within(16 / (kTokens * kQuadRegisters));
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * 16; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kBlockSteps * 16) {
      const int64_t n_steps = min_i64((end - c) / 16, kBlockSteps);
      for (int64_t q = 0; q < 4; q += kQuads) {
        ternary_block<kTokens, kQuads>(tile + 16 * q, args.step_bytes, args.acts + c,
                                       args.act_stride, n_steps, out + 4 * q);
      }
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
