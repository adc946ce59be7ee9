// Raw sums of few tokens without SDOT: the Tiles of decode.inl for every 64-bit Arm CPU.
//
// Lanes. Four columns of four rows are 16 bytes; the four activations are copied to all rows. The
// products, or pairs of them, are summed in int16 over a chunk and widened to a row's 32-bit lane
// at its end.
//
//   ternary: SMLAL adds 16 products to two registers of 8 lanes. Code w + 1; raw = sum(code * a),
//     dot = raw - sum(a).
//   binary: CMTST makes a mask of four bits of a row (dot_tiles.inl), AND leaves the activations of
//     the weights that are +1, SADALP adds pairs of them to 8 lanes. raw = their sum: dot = 2 * raw
//     - sum(a).
//   int8: SMULL and SMLAL add two products, SADALP widens pairs of these sums. raw = dot.
//
// Overflow of int16: over a chunk of 512 columns a lane gets 128 ternary products, 128 * 2 * 127 =
// 32,512, or 256 activations of binary weights, 256 * 127 = 32,512; of int8 2 * 127 * 127 = 32,258.
// int32: as in dot_tiles.inl.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/matmul.inl"
#include "kernels/neon/decode.inl"

namespace onebit {
namespace {

static_assert(kChunkCols <= 512);

// Activations 4p .. 4p + 3 of each token, copied to four rows.
template <int kTokens>
ONEBIT_INLINE void load_copies(const uint8_t* acts, int64_t act_stride,
                               int8x16_t (&to)[kTokens][4]) {
#pragma GCC unroll 3
  for (int m = 0; m < kTokens; ++m) {
    const int32x4_t a = vreinterpretq_s32_u8(vld1q_u8(acts + m * act_stride));
    to[m][0] = vreinterpretq_s8_s32(vdupq_laneq_s32(a, 0));
    to[m][1] = vreinterpretq_s8_s32(vdupq_laneq_s32(a, 1));
    to[m][2] = vreinterpretq_s8_s32(vdupq_laneq_s32(a, 2));
    to[m][3] = vreinterpretq_s8_s32(vdupq_laneq_s32(a, 3));
  }
}

struct TernaryTile {
  static constexpr Packing kPacking = Packing::kTernaryI8;
  static constexpr int32_t kSumFactor = -1;
  static constexpr int64_t kStripBytes = 64;
  static constexpr int kRegisters = 4;
  static constexpr int64_t kAhead = 2048;
  static constexpr int at_once(int tokens) { return tokens == 1 ? 4 : 2; }
  static constexpr int64_t row(int64_t, int i) { return 4 * i; }
  ONEBIT_INLINE int32x4_t dot(int32x4_t raw, int32_t same) {
    return vaddq_s32(raw, vdupq_n_s32(same));
  }

  template <int kTokens, int kRegs>
  ONEBIT_INLINE void columns(const uint8_t* strip, int64_t step_bytes, const uint8_t* acts,
                             int64_t act_stride, int64_t cols, bool prefetch,
                             int32x4_t (&raw)[kTokens][kRegs]) {
    int16x8_t sums[kTokens][kRegs][2];  // rows 0 and 1, rows 2 and 3
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * kRegs; ++i) {
      sums[i / kRegs][i % kRegs][0] = sums[i / kRegs][i % kRegs][1] = vdupq_n_s16(0);
    }
    const uint8x16_t low = vdupq_n_u8(3);
    for (int64_t c = 0; c < cols; c += 16, strip += step_bytes, acts += 16) {
      if (prefetch) __builtin_prefetch(strip + kAhead);
      int8x16_t a[kTokens][4];
      load_copies(acts, act_stride, a);
#pragma GCC unroll 4
      for (int r = 0; r < kRegs; ++r) {
        const uint8x16_t step = vld1q_u8(strip + 16 * r);
        const int8x16_t codes[4] = {vreinterpretq_s8_u8(vandq_u8(step, low)),
                                    vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(step, 2), low)),
                                    vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(step, 4), low)),
                                    vreinterpretq_s8_u8(vshrq_n_u8(step, 6))};
#pragma GCC unroll 12
        for (int i = 0; i < kTokens * 4; ++i) {
          int16x8_t(&to)[2] = sums[i / 4][r];
          const int8x16_t four = a[i / 4][i % 4];
          to[0] = vmlal_s8(to[0], vget_low_s8(codes[i % 4]), vget_low_s8(four));
          to[1] = vmlal_high_s8(to[1], codes[i % 4], four);
        }
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * kRegs; ++i) {
      const int16x8_t(&from)[2] = sums[i / kRegs][i % kRegs];
      raw[i / kRegs][i % kRegs] = vpaddq_s32(vpaddlq_s16(from[0]), vpaddlq_s16(from[1]));
    }
  }
};

struct BinaryTile {
  static constexpr Packing kPacking = Packing::kBinaryI8;
  static constexpr int32_t kSumFactor = -1;
  static constexpr int64_t kStripBytes = 32;
  static constexpr int kRegisters = 2;
  static constexpr int64_t kAhead = 8 << 10;  // a chunk of 128 rows
  static constexpr int at_once(int tokens) { return tokens == 1 ? 2 : 1; }
  static constexpr int64_t row(int64_t strip, int i) {
    return strip / 2 * 32 + strip % 2 * 8 + i / 2 * 4 + i % 2 * 16;
  }
  ONEBIT_INLINE int32x4_t dot(int32x4_t raw, int32_t same) {
    return vaddq_s32(vdupq_n_s32(same), vaddq_s32(raw, raw));
  }

  template <int kTokens, int kRegs>
  ONEBIT_INLINE void columns(const uint8_t* strip, int64_t step_bytes, const uint8_t* acts,
                             int64_t act_stride, int64_t cols, bool prefetch,
                             int32x4_t (&raw)[kTokens][2 * kRegs]) {
    int16x8_t sums[kTokens][2 * kRegs];
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * 2 * kRegs; ++i) {
      sums[i / (2 * kRegs)][i % (2 * kRegs)] = vdupq_n_s16(0);
    }
    for (int64_t c = 0; c < cols; c += 16, strip += step_bytes, acts += 16) {
      if (prefetch) __builtin_prefetch(strip + kAhead);
      int8x16_t a[kTokens][4];
      load_copies(acts, act_stride, a);
#pragma GCC unroll 4
      for (int i = 0; i < 2 * kRegs; ++i) {
        const uint16x8_t step = vreinterpretq_u16_u8(vld1q_u8(strip + i / 2 * 16));
        const uint8x16_t words =
            vreinterpretq_u8_u16(i % 2 == 0 ? vtrn1q_u16(step, step) : vtrn2q_u16(step, step));
#pragma GCC unroll 4
        for (int p = 0; p < 4; ++p) {
          int8x16_t plane = vreinterpretq_s8_u8(
              vtstq_u8(words, vreinterpretq_u8_u32(vdupq_n_u32(0x10100101u << p))));
          asm("" : "+w"(plane));  // GCC would make three instructions of CMTST and AND
#pragma GCC unroll 3
          for (int m = 0; m < kTokens; ++m) {
            sums[m][i] = vpadalq_s8(sums[m][i], vandq_s8(plane, a[m][p]));
          }
        }
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * 2 * kRegs; ++i) {
      raw[i / (2 * kRegs)][i % (2 * kRegs)] = vpaddlq_s16(sums[i / (2 * kRegs)][i % (2 * kRegs)]);
    }
  }
};

struct Int8Tile {
  static constexpr Packing kPacking = Packing::kInt8;
  static constexpr int32_t kSumFactor = 0;
  static constexpr int64_t kStripBytes = 64;
  static constexpr int kRegisters = 4;
  static constexpr int64_t kAhead = 4096;
  static constexpr int at_once(int tokens) { return tokens == 1 ? 4 : 2; }
  static constexpr int64_t row(int64_t, int i) { return 4 * i; }
  ONEBIT_INLINE int32x4_t dot(int32x4_t raw, int32_t) { return raw; }

  template <int kTokens, int kRegs>
  ONEBIT_INLINE void columns(const uint8_t* strip, int64_t step_bytes, const uint8_t* acts,
                             int64_t act_stride, int64_t cols, bool prefetch,
                             int32x4_t (&raw)[kTokens][kRegs]) {
    int32x4_t sums[kTokens][kRegs][2];  // rows 0 and 1, rows 2 and 3
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * kRegs; ++i) {
      sums[i / kRegs][i % kRegs][0] = sums[i / kRegs][i % kRegs][1] = vdupq_n_s32(0);
    }
    const uint8x16_t high = vdupq_n_u8(128);
    for (int64_t c = 0; c < cols; c += 16, strip += 4 * step_bytes, acts += 16) {
      int8x16_t a[kTokens][4];
      load_copies(acts, act_stride, a);
#pragma GCC unroll 4
      for (int p = 0; p < 4 && prefetch; ++p) __builtin_prefetch(strip + p * step_bytes + kAhead);
#pragma GCC unroll 8
      for (int i = 0; i < 2 * kRegs; ++i) {  // two of the four steps
        const int r = i / 2;
        const int p = i % 2 * 2;
        const uint8_t* at = strip + p * step_bytes + 16 * r;
        const int8x16_t w0 = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at), high));
        const int8x16_t w1 = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at + step_bytes), high));
#pragma GCC unroll 3
        for (int m = 0; m < kTokens; ++m) {
          add_products(w0, a[m][p], w1, a[m][p + 1], sums[m][r]);
        }
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kTokens * kRegs; ++i) {
      const int32x4_t(&from)[2] = sums[i / kRegs][i % kRegs];
      raw[i / kRegs][i % kRegs] = vpaddq_s32(from[0], from[1]);
    }
  }

  // sums += weights w0 times a0 and w1 times a1: two lanes a row.
  ONEBIT_INLINE void add_products(int8x16_t w0, int8x16_t a0, int8x16_t w1, int8x16_t a1,
                                  int32x4_t (&sums)[2]) {
    const int16x8_t low = vmull_s8(vget_low_s8(w0), vget_low_s8(a0));
    const int16x8_t high = vmull_high_s8(w0, a0);
    sums[0] = vpadalq_s16(sums[0], vmlal_s8(low, vget_low_s8(w1), vget_low_s8(a1)));
    sums[1] = vpadalq_s16(sums[1], vmlal_high_s8(high, w1, a1));
  }
};

}  // namespace
}  // namespace onebit
