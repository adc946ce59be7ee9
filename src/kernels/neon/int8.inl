// Int8 activations times int8 tiles: with SDOT, else with SMULL and SADALP.
//
// Lanes. 64 bytes are one step of 16 rows x 4 columns; a register, a quad, is four rows. The stored
// byte, w + 128, becomes w when its highest bit flips. raw = dot.
//   SDOT adds the four products of a row to its int32 lane. SMULL makes 16 products of 16 bits
//   each, at most 127 * 127 = 16,129; SADALP adds pairs of them to int32.
// |dot| <= 127 * 127 * kMaxColumnsInt8 < 2^30.

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/matmul.inl"
#include "kernels/neon/ternary_i8.inl"

namespace onebit {
namespace {

// The sums of four rows; add() takes four columns, the activations 4 * kLane .. + 3 of 16.
#if defined(__ARM_FEATURE_DOTPROD)

struct WideSums {
  int32x4_t sums = vdupq_n_s32(0);

  template <int kLane>
  void add(int8x16_t weights, int8x16_t acts) {
    sums = vdotq_laneq_s32(sums, weights, acts, kLane);
  }
  int32x4_t rows() const { return sums; }
};

#else

struct WideSums {
  int32x4_t low = vdupq_n_s32(0);  // rows 0 and 1, two lanes each
  int32x4_t high = vdupq_n_s32(0);

  template <int kLane>
  void add(int8x16_t weights, int8x16_t acts) {
    const int8x16_t four = vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(acts), kLane));
    low = vpadalq_s16(low, vmull_s8(vget_low_s8(weights), vget_low_s8(four)));
    high = vpadalq_s16(high, vmull_high_s8(weights, four));
  }
  int32x4_t rows() const { return vpaddq_s32(low, high); }
};

#endif

template <int kTokens>
void int8_dots(const DotsArgs& args) noexcept {
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t q = 0; q < 4; ++q) {
      const uint8_t* tile = args.tile + begin / 4 * args.step_bytes + 16 * q;
      WideSums sums[kTokens];
      for (int64_t c = begin; c < end; c += 16, tile += 4 * args.step_bytes) {
        __builtin_prefetch(tile + 2048);
        int8x16_t a[kTokens];
        load_acts(args.acts + c, args.act_stride, a);
        int8x16_t w[4];
        for (int i = 0; i < 4; ++i) {
          const uint8x16_t step = vld1q_u8(tile + i * args.step_bytes);
          w[i] = vreinterpretq_s8_u8(veorq_u8(step, vdupq_n_u8(128)));
        }
#pragma GCC unroll 8
        for (int m = 0; m < kTokens; ++m) {
          sums[m].template add<0>(w[0], a[m]);
          sums[m].template add<1>(w[1], a[m]);
          sums[m].template add<2>(w[2], a[m]);
          sums[m].template add<3>(w[3], a[m]);
        }
      }
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; ++m) vst1q_s32(out + m * 16 + 4 * q, sums[m].rows());
    }
    out += kTokens * 16;
  }
}

constexpr Dots kInt8 = {{int8_dots<1>, int8_dots<2>, int8_dots<3>, int8_dots<4>, int8_dots<5>,
                         int8_dots<6>, int8_dots<7>, int8_dots<8>},
                        1,
                        0,
                        0};

void int8(const MatmulArgs& args) noexcept {
  multiply<Packing::kInt8>(args, kInt8);
}

}  // namespace
}  // namespace onebit
