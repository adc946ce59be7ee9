// 1-bit activations times binary tiles, with CNT.
//
// Lanes. 128 bytes are one step: the 64-bit word r is row r, bit c is column c. A register holds a
// pair of rows. A token's 64 activations are one broadcast word: EOR marks the columns where the
// signs differ, CNT counts them per byte. Byte counts add up over a block of 31 steps, then
// pairwise additions make one count per row. dot = n - 2 * count.
//
// Registers: up to 16 of 32 are counts. A pass over a block takes as many pairs of rows as the
// tokens leave room for: 8, 4 or 2.
//
// Overflow: a byte counts at most 8 per step, 31 * 8 = 248 per block; a row 2^18 in all.
// 1/8 byte per weight, read from memory once for all tokens (a block, 4 KiB, is in L1 for its later
// passes). Per 128 weights and token: 3 instructions; a broadcast per pass, step and token.

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/matmul.inl"

namespace onebit {
namespace {

// Adds the differences of at most 31 steps of 2 * kPairs rows to out[m][0 .. 2 *
// kPairs - 1]. `tile` is the first of these rows in the first step, `acts` the first activation of
// token 0.
template <int kTokens, int kPairs>
void bit_block(const uint8_t* tile, int64_t step_bytes, const uint8_t* acts, int64_t act_stride,
               int64_t n_steps, int32_t* out) {
  uint8x16_t counts[kTokens][kPairs];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
#pragma GCC unroll 8
    for (int i = 0; i < kPairs; ++i) counts[m][i] = vdupq_n_u8(0);
  }

  for (int64_t s = 0; s < n_steps; ++s, tile += step_bytes, acts += 8) {
    __builtin_prefetch(tile + 4096);
    uint8x16_t rows[kPairs];
#pragma GCC unroll 8
    for (int i = 0; i < kPairs; ++i) rows[i] = vld1q_u8(tile + 16 * i);
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; ++m) {
      const uint8x8_t word = vld1_u8(acts + m * act_stride);
      const uint8x16_t columns = vcombine_u8(word, word);
#pragma GCC unroll 8
      for (int i = 0; i < kPairs; ++i) {
        counts[m][i] = vaddq_u8(counts[m][i], vcntq_u8(veorq_u8(rows[i], columns)));
      }
    }
  }

#pragma GCC unroll 8
  for (int m = 0; m < kTokens; ++m) {
#pragma GCC unroll 4
    for (int i = 0; i < kPairs; i += 2) {  // two 32-bit lanes a row, then one
      const uint32x4_t rows01 = vpaddlq_u16(vpaddlq_u8(counts[m][i]));
      const uint32x4_t rows23 = vpaddlq_u16(vpaddlq_u8(counts[m][i + 1]));
      const int32x4_t differ = vreinterpretq_s32_u32(vpaddq_u32(rows01, rows23));
      int32_t* to = out + m * 16 + 2 * i;
      vst1q_s32(to, vaddq_s32(vld1q_s32(to), differ));
    }
  }
}

template <int kTokens>
void count_differences(const DotsArgs& args) noexcept {
  constexpr int64_t kBlockSteps = 31;
  constexpr int kPairs = kTokens <= 2 ? 8 : kTokens <= 4 ? 4 : 2;
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * 16; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kBlockSteps * 64) {
      const int64_t left = (end - c) / 64;
      const int64_t n_steps = left < kBlockSteps ? left : kBlockSteps;
      for (int64_t i = 0; i < 8; i += kPairs) {
        bit_block<kTokens, kPairs>(tile + 16 * i, args.step_bytes, args.acts + c / 8,
                                   args.act_stride, n_steps, out + 2 * i);
      }
      tile += n_steps * args.step_bytes;
    }
    out += kTokens * 16;
  }
}

constexpr Dots kBinaryBit = {
    {count_differences<1>, count_differences<2>, count_differences<3>, count_differences<4>,
     count_differences<5>, count_differences<6>, count_differences<7>, count_differences<8>},
    -2,
    0,
    1};

void binary_bit(const MatmulArgs& args) noexcept {
  multiply<Packing::kBinaryBit>(args, kBinaryBit);
}

}  // namespace
}  // namespace onebit
