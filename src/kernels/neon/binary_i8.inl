// Int8 activations times binary tiles, with the sums of ternary_i8.inl.
//
// Lanes. 64 bytes are one step of 32 rows; 16 of them, a quad, are the words of rows i and 16 + i,
// i = 4q .. 4q + 3. TRN1 or TRN2 copies the word of a row to both halves of a 32-bit lane, so that
// a mask leaves columns 4p .. 4p+3 in its four bytes, and UMIN makes codes 0 and 1 of what it
// leaves. raw = sum(code * a), code = (w + 1) / 2: dot = 2 * raw - sum(a).
//
// Overflow of int16: the planes of a step add at most 4 times |a| to a lane, a block of 32 steps
// 128 * 127 = 16,256. int32: |raw| <= 127 * kMaxColumns < 2^25.

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/matmul.inl"
#include "kernels/neon/ternary_i8.inl"

namespace onebit {
namespace {

ONEBIT_INLINE int8x16_t binary_plane(uint16x8_t words, int p) {
  const uint8x16_t mask = vreinterpretq_u8_u32(vdupq_n_u32(0x10100101u << p));
  const uint8x16_t bits = vandq_u8(vreinterpretq_u8_u16(words), mask);
  return vreinterpretq_s8_u8(vminq_u8(bits, vdupq_n_u8(1)));
}

template <int kTokens, int kChains>
ONEBIT_INLINE void add_words(uint16x8_t words, const int8x16_t (&acts)[kTokens],
                             QuadSums (&sums)[kTokens][kChains]) {
  const int8x16_t codes[4] = {binary_plane(words, 0), binary_plane(words, 1),
                              binary_plane(words, 2), binary_plane(words, 3)};
  add_planes(codes, acts, sums);
}

// Adds the raw sums of at most 32 steps of rows 4q .. and 16 + 4q .. to out[m][0..3], out[m][16..].
template <int kTokens>
void binary_block(const uint8_t* tile, int64_t step_bytes, const uint8_t* acts, int64_t act_stride,
                  int64_t n_steps, int32_t* out) {
  constexpr int kChains = power_of_two_within(16 / (kTokens * kQuadRegisters * 2));
  QuadSums sums[2][kTokens][kChains];
  for (int64_t s = 0; s < n_steps; ++s, tile += step_bytes, acts += 16) {
    __builtin_prefetch(tile + 2048);
    int8x16_t a[kTokens];
    load_acts(acts, act_stride, a);
    const uint16x8_t step = vreinterpretq_u16_u8(vld1q_u8(tile));
    add_words(vtrn1q_u16(step, step), a, sums[0]);
    add_words(vtrn2q_u16(step, step), a, sums[1]);
  }
  add_rows(sums[0], 32, out);
  add_rows(sums[1], 32, out + 16);
}

template <int kTokens>
void binary_dots(const DotsArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 32;
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * 32; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kBlockSteps * 16) {
      const int64_t n_steps = min_i64((end - c) / 16, kBlockSteps);
      for (int64_t q = 0; q < 4; ++q) {
        binary_block<kTokens>(tile + 16 * q, args.step_bytes, args.acts + c, args.act_stride,
                              n_steps, out + 4 * q);
      }
      tile += n_steps * args.step_bytes;
    }
    out += kTokens * 32;
  }
}

constexpr Dots kBinaryI8 = {{binary_dots<1>, binary_dots<2>, binary_dots<3>, binary_dots<4>,
                             binary_dots<5>, binary_dots<6>, binary_dots<7>, binary_dots<8>},
                            2,
                            -1,
                            0};

void binary_i8(const MatmulArgs& args) noexcept {
  multiply<Packing::kBinaryI8>(args, kBinaryI8);
}

}  // namespace
}  // namespace onebit
