// Many tokens: the unpacking before the register tiles of products.inl. Codes become w + 1 (binary:
// 0 and 2) or, of int8 panels, w.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/gemm.inl"
#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

// How rows row .. row + 31 become byte codes in the columns of `block`.

// Stores 16 columns of rows 4q .. 4q + 3; planes[p] are columns 4p .. 4p + 3.
ONEBIT_INLINE void store_codes(const uint8x16_t (&planes)[4], int q, uint8_t* to) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const uint32x4x2_t rows = {vreinterpretq_u32_u8(planes[2 * i]),
                               vreinterpretq_u32_u8(planes[2 * i + 1])};
    vst2q_u32(reinterpret_cast<uint32_t*>(to + 128 * i + 32 * q), rows);
  }
#else
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) vst1q_u8(to + 64 * p + 16 * q, planes[p]);
#endif
}

struct TernaryCodes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const uint8x16_t low = vdupq_n_u8(3);
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin * 4;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += 64, to += 256) {
        __builtin_prefetch(from + 2048);
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
          const uint8x16_t step = vld1q_u8(from + 16 * q);
          const uint8x16_t planes[4] = {vandq_u8(step, low), vandq_u8(vshrq_n_u8(step, 2), low),
                                        vandq_u8(vshrq_n_u8(step, 4), low), vshrq_n_u8(step, 6)};
          store_codes(planes, q, to);
        }
      }
    }
  }
};

// Codes 0 and 2: CMTST makes 255 of a bit that is set, of which one bit stays.
struct BinaryCodes {
  static constexpr int32_t kSumFactor = -1;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    binary_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const int64_t step_bytes = binary_step_bytes(args, row);
    const uint8_t* from = binary_tile(args, row, block.begin);
    block.codes[0] = block.buffer[0];
    block.codes[1] = block.buffer[1];
    for (int64_t k = 0; k < block.end - block.begin; k += 16, from += step_bytes) {
      __builtin_prefetch(from + 4096);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const uint16x8_t step = vreinterpretq_u16_u8(vld1q_u8(from + 16 * q));
        const uint16x8_t words[2] = {vtrn1q_u16(step, step), vtrn2q_u16(step, step)};
#pragma GCC unroll 2
        for (int h = 0; h < 2; ++h) {
          uint8x16_t planes[4];
#pragma GCC unroll 4
          for (int p = 0; p < 4; ++p) {
            const uint8x16_t mask = vreinterpretq_u8_u32(vdupq_n_u32(0x10100101u << p));
            planes[p] = vandq_u8(vtstq_u8(vreinterpretq_u8_u16(words[h]), mask), vdupq_n_u8(2));
          }
          store_codes(planes, q, block.buffer[h] + k * 16);
        }
      }
    }
  }
};

struct Int8Codes {
  static constexpr int32_t kSumFactor = 0;

  ONEBIT_INLINE void scales(const MatmulArgs& args, int64_t row, Block& block) {
    half_scales(args, row, block);
  }
  ONEBIT_INLINE void unpack(const MatmulArgs& args, int64_t row, Block& block) {
    const uint8x16_t high = vdupq_n_u8(128);
    for (int h = 0; h < 2; ++h) {
      const uint8_t* from = half_panel(args, row, h) + block.begin * 16;
      uint8_t* to = block.buffer[h];
      block.codes[h] = to;
      for (int64_t c = block.begin; c < block.end; c += 16, from += 256, to += 256) {
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
          __builtin_prefetch(from + 64 * q + 4096);
          const auto plane = [&](int p) {
            return veorq_u8(vld1q_u8(from + 64 * p + 16 * q), high);
          };
          const uint8x16_t planes[4] = {plane(0), plane(1), plane(2), plane(3)};
          store_codes(planes, q, to);
        }
      }
    }
  }
};

}  // namespace
}  // namespace onebit
