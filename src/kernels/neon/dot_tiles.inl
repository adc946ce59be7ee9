// Raw sums of few tokens with SDOT: the Tiles of decode.inl for CPUs that have it.
//
// Lanes. SDOT adds four products of each row to its 32-bit lane. It takes the four activations by
// lane number, so one load brings those of 16 columns and nothing is broadcast. It is signed times
// signed, which suits all codes here.
//
//   ternary: plane p of a register is codes w + 1 of columns 4p .. 4p + 3. Planes 0, 1, 2 are
//   masked
//     where they stand, plane 3 is shifted down: four instructions make 64 codes, shifting them all
//     down takes six. Planes 1 and 2, times 4 and 16, have sums of their own, which are shifted
//     down once at the end (with three tokens plane 2 is shifted first: fewer registers). raw =
//     sum(code
//     * a): dot = raw - sum(a).
//   binary: TRN1 and TRN2 copy the word of a row to both halves of a 32-bit lane; CMTST with a mask
//     makes its four columns 4p .. 4p + 3 -1 where the bit is set. raw = -sum of a where the weight
//     is +1: dot = -2 * raw - sum(a). 43 instructions for 256 weights. A lookup was counted too:
//     four columns as index of two 32-entry tables (even and odd bytes) of sums of activations in
//     two bytes, which UADALP and SADALP add up: 129 for 1024 weights, 8.1 in place of 10.8 per 64.
//     But a quarter of these are TBL of two registers, as much again are pairwise additions, which
//     many CPUs run at half the rate; and one token needs 128 bytes of tables per 16 columns, made
//     before. To be tried where it can be measured.
//   int8: the stored byte, w + 128, becomes w when its highest bit flips. raw = dot.
//
// Overflow of int32: |plane 2| <= 32 * 127 * kMaxColumns / 4 < 2^28; int8: 127 * 127 *
// kMaxColumnsInt8 < 2^30.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/matmul.inl"
#include "kernels/neon/decode.inl"

namespace onebit {
namespace {

// sums += codes times activations 4 * kLane .. 4 * kLane + 3 of 16.
template <int kLane>
ONEBIT_INLINE void add_dots(uint8x16_t codes, int8x16_t acts, int32x4_t& sums) {
  sums = vdotq_laneq_s32(sums, vreinterpretq_s8_u8(codes), acts, kLane);
}

struct TernaryTile {
  static constexpr Packing kPacking = Packing::kTernaryI8;
  static constexpr int32_t kSumFactor = -1;
  static constexpr int64_t kStripBytes = 64;
  static constexpr int kRegisters = 4;
  static constexpr int64_t kAhead = 2048;
  static constexpr int at_once(int) { return 4; }
  static constexpr int64_t row(int64_t, int i) { return 4 * i; }
  ONEBIT_INLINE int32x4_t dot(int32x4_t raw, int32_t same) {
    return vaddq_s32(raw, vdupq_n_s32(same));
  }

  template <int kTokens, int kRegs>
  ONEBIT_INLINE void columns(const uint8_t* strip, int64_t step_bytes, const uint8_t* acts,
                             int64_t act_stride, int64_t cols, bool prefetch,
                             int32x4_t (&raw)[kTokens][kRegs]) {
    // Over 32 columns (kRegs = 1) joining sums costs what shifting planes saves.
    constexpr int kSums = kRegs == 1 ? 1 : 4 - kTokens;
    int32x4_t sums[kTokens][kRegs][kSums];
#pragma GCC unroll 24
    for (int i = 0; i < kTokens * kRegs * kSums; ++i) {
      sums[i / kSums / kRegs][i / kSums % kRegs][i % kSums] = vdupq_n_s32(0);
    }
    const uint8x16_t low = vdupq_n_u8(3);
    for (int64_t c = 0; c < cols; c += 16, strip += step_bytes, acts += 16) {
      if (prefetch) __builtin_prefetch(strip + kAhead);
      int8x16_t a[kTokens];
      load_acts(acts, act_stride, a);
#pragma GCC unroll 4
      for (int r = 0; r < kRegs; ++r) {
        const uint8x16_t step = vld1q_u8(strip + 16 * r);
        const uint8x16_t plane0 = vandq_u8(step, low);
        const uint8x16_t plane1 =
            kSums > 1 ? vandq_u8(step, vdupq_n_u8(3 << 2)) : vandq_u8(vshrq_n_u8(step, 2), low);
        const uint8x16_t plane2 =
            kSums > 2 ? vandq_u8(step, vdupq_n_u8(3 << 4)) : vandq_u8(vshrq_n_u8(step, 4), low);
        const uint8x16_t plane3 = vshrq_n_u8(step, 6);
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          add_dots<0>(plane0, a[m], sums[m][r][0]);
          add_dots<1>(plane1, a[m], sums[m][r][kSums > 1 ? 1 : 0]);
          add_dots<2>(plane2, a[m], sums[m][r][kSums > 2 ? 2 : 0]);
          add_dots<3>(plane3, a[m], sums[m][r][0]);
        }
        if (kTokens > 1 && kRegs > 1) keep_order();
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * kRegs; ++i) {
      int32x4_t(&from)[kSums] = sums[i / kRegs][i % kRegs];
      int32x4_t& to = raw[i / kRegs][i % kRegs];
      to = from[0];
      if constexpr (kSums > 1) to = vsraq_n_s32(to, from[1], 2);
      if constexpr (kSums > 2) to = vsraq_n_s32(to, from[2], 4);
    }
  }
};

struct BinaryTile {
  static constexpr Packing kPacking = Packing::kBinaryI8;
  static constexpr int32_t kSumFactor = -1;
  static constexpr int64_t kStripBytes = 32;
  static constexpr int kRegisters = 2;
  static constexpr int64_t kAhead = 8 << 10;  // a chunk of 128 rows
  static constexpr int at_once(int) { return 2; }
  static constexpr int64_t row(int64_t strip, int i) {
    return strip / 2 * 32 + strip % 2 * 8 + i / 2 * 4 + i % 2 * 16;
  }
  ONEBIT_INLINE int32x4_t dot(int32x4_t raw, int32_t same) {
    return vsubq_s32(vdupq_n_s32(same), vaddq_s32(raw, raw));
  }

  template <int kTokens, int kRegs>
  ONEBIT_INLINE void columns(const uint8_t* strip, int64_t step_bytes, const uint8_t* acts,
                             int64_t act_stride, int64_t cols, bool prefetch,
                             int32x4_t (&raw)[kTokens][2 * kRegs]) {
    constexpr int kSums = kTokens == 1 ? 2 : 1;  // additions that do not wait for each other
    int32x4_t sums[kTokens][2 * kRegs][kSums];
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * 2 * kRegs * kSums; ++i) {
      sums[i / kSums / (2 * kRegs)][i / kSums % (2 * kRegs)][i % kSums] = vdupq_n_s32(0);
    }
    for (int64_t c = 0; c < cols; c += 16, strip += step_bytes, acts += 16) {
      if (prefetch) __builtin_prefetch(strip + kAhead);
      int8x16_t a[kTokens];
      load_acts(acts, act_stride, a);
#pragma GCC unroll 4
      for (int i = 0; i < 2 * kRegs; ++i) {
        const uint16x8_t step = vreinterpretq_u16_u8(vld1q_u8(strip + i / 2 * 16));
        const uint8x16_t words =
            vreinterpretq_u8_u16(i % 2 == 0 ? vtrn1q_u16(step, step) : vtrn2q_u16(step, step));
        const auto plane = [words](int p) {
          return vtstq_u8(words, vreinterpretq_u8_u32(vdupq_n_u32(0x10100101u << p)));
        };
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          add_dots<0>(plane(0), a[m], sums[m][i][0]);
          add_dots<1>(plane(1), a[m], sums[m][i][kSums - 1]);
          add_dots<2>(plane(2), a[m], sums[m][i][0]);
          add_dots<3>(plane(3), a[m], sums[m][i][kSums - 1]);
        }
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * 2 * kRegs; ++i) {
      int32x4_t(&from)[kSums] = sums[i / (2 * kRegs)][i % (2 * kRegs)];
      raw[i / (2 * kRegs)][i % (2 * kRegs)] =
          kSums > 1 ? vaddq_s32(from[0], from[kSums - 1]) : from[0];
    }
  }
};

struct Int8Tile {
  static constexpr Packing kPacking = Packing::kInt8;
  static constexpr int32_t kSumFactor = 0;
  static constexpr int64_t kStripBytes = 64;
  static constexpr int kRegisters = 4;
  static constexpr int64_t kAhead = 4096;
  static constexpr int at_once(int) { return 4; }
  static constexpr int64_t row(int64_t, int i) { return 4 * i; }
  ONEBIT_INLINE int32x4_t dot(int32x4_t raw, int32_t) { return raw; }

  template <int kTokens, int kRegs>
  ONEBIT_INLINE void columns(const uint8_t* strip, int64_t step_bytes, const uint8_t* acts,
                             int64_t act_stride, int64_t cols, bool prefetch,
                             int32x4_t (&raw)[kTokens][kRegs]) {
    constexpr int kSums = kTokens < 3 ? 2 : 1;
    int32x4_t sums[kTokens][kRegs][kSums];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens * kRegs * kSums; ++i) {
      sums[i / kSums / kRegs][i / kSums % kRegs][i % kSums] = vdupq_n_s32(0);
    }
    for (int64_t c = 0; c < cols; c += 16, strip += 4 * step_bytes, acts += 16) {
      int8x16_t a[kTokens];
      load_acts(acts, act_stride, a);
      add_step<0>(strip, a, prefetch, sums);
      add_step<1>(strip + step_bytes, a, prefetch, sums);
      add_step<2>(strip + 2 * step_bytes, a, prefetch, sums);
      add_step<3>(strip + 3 * step_bytes, a, prefetch, sums);
    }
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * kRegs; ++i) {
      int32x4_t(&from)[kSums] = sums[i / kRegs][i % kRegs];
      raw[i / kRegs][i % kRegs] = kSums > 1 ? vaddq_s32(from[0], from[kSums - 1]) : from[0];
    }
  }

 private:
  // Four columns.
  template <int kLane, int kTokens, int kRegs, int kSums>
  ONEBIT_INLINE void add_step(const uint8_t* strip, const int8x16_t (&a)[kTokens], bool prefetch,
                              int32x4_t (&sums)[kTokens][kRegs][kSums]) {
    if (prefetch) __builtin_prefetch(strip + kAhead);
#pragma GCC unroll 4
    for (int r = 0; r < kRegs; ++r) {
      const uint8x16_t codes = veorq_u8(vld1q_u8(strip + 16 * r), vdupq_n_u8(128));
#pragma GCC unroll 3
      for (int m = 0; m < kTokens; ++m) add_dots<kLane>(codes, a[m], sums[m][r][kLane % kSums]);
    }
    if (kRegs > 1) keep_order();
  }
};

}  // namespace
}  // namespace onebit
