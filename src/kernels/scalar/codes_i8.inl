// Int8 activations times ternary, binary, int8 or int6 tiles: the reference. Reads each code by the
// definition of its packing (quant/packing.h). |dot| <= 127 * kMaxColumns < 2^25, and for int8
// weights 127 * 127 * kMaxColumnsInt8 < 2^30.

#include <stdint.h>

#include "kernels/matmul.inl"

namespace onebit {
namespace {

// The weight of row r, column c of a tile's step.
template <Packing kPacking>
ONEBIT_INLINE int weight_of(const uint8_t* tile, int64_t r, int64_t c) {
  if (kPacking == Packing::kTernaryI8) return (tile[4 * r + c % 4] >> (2 * (c / 4)) & 3) - 1;
  if (kPacking == Packing::kInt8) return tile[4 * r + c] - 128;
  if (kPacking == Packing::kInt6) {
    const uint8_t* lane = tile + 4 * r + c % 4;
    if (c < 12) return (lane[c / 4 * 64] & 63) - 32;
    return (lane[0] >> 6 | lane[64] >> 6 << 2 | lane[128] >> 6 << 4) - 32;
  }
  if (kPacking == Packing::kTripleI8) {
    const int64_t bit = 20 * r + 5 * (c % 4);
    const int number = (tile[bit / 8] | tile[bit / 8 + 1] << 8) >> (bit % 8) & 31;
    return (c < 4 ? number : c < 8 ? number / 3 : number / 9) % 3 - 1;
  }
  const int byte = tile[4 * (r % 16) + 2 * (r / 16) + c % 2];
  return (byte >> (c / 4 + c % 4 / 2 * 4) & 1) * 2 - 1;
}

template <Packing kPacking, int kTokens>
void codes_i8(const DotsArgs& args) noexcept {
  constexpr PackingShape kShape = packing_shape(kPacking);
  const uint8_t* tile = args.tile;
  int32_t* out = args.out;
  for (int64_t begin = 0, end = 0; begin < args.cols; begin = end) {
    end = min_i64(begin + args.group, args.cols);
    for (int64_t i = 0; i < kTokens * kShape.tile_rows; ++i) out[i] = 0;
    for (int64_t c = begin; c < end; c += kShape.step, tile += args.step_bytes) {
      for (int64_t r = 0; r < kShape.tile_rows; ++r) {
        const int64_t n = min_i64(kShape.step, end - c);
        for (int64_t i = 0; i < n; ++i) {
          const int weight = weight_of<kPacking>(tile, r, i);
          for (int64_t m = 0; m < kTokens; ++m) {
            const auto* acts = reinterpret_cast<const int8_t*>(args.acts + m * args.act_stride);
            out[m * kShape.tile_rows + r] += weight * acts[c + i];
          }
        }
      }
    }
    out += kTokens * kShape.tile_rows;
  }
}

template <Packing kPacking>
constexpr Dots kCodesI8 = {
    {codes_i8<kPacking, 1>, codes_i8<kPacking, 2>, codes_i8<kPacking, 3>, codes_i8<kPacking, 4>,
     codes_i8<kPacking, 5>, codes_i8<kPacking, 6>, codes_i8<kPacking, 7>, codes_i8<kPacking, 8>},
    1,
    0,
    0};

void ternary_i8(const MatmulArgs& args) noexcept {
  multiply<Packing::kTernaryI8>(args, kCodesI8<Packing::kTernaryI8>);
}
void binary_i8(const MatmulArgs& args) noexcept {
  multiply<Packing::kBinaryI8>(args, kCodesI8<Packing::kBinaryI8>);
}
void triple_i8(const MatmulArgs& args) noexcept {
  multiply<Packing::kTripleI8>(args, kCodesI8<Packing::kTripleI8>);
}
void int8(const MatmulArgs& args) noexcept {
  multiply<Packing::kInt8>(args, kCodesI8<Packing::kInt8>);
}
void int6(const MatmulArgs& args) noexcept {
  multiply<Packing::kInt6>(args, kCodesI8<Packing::kInt6>);
}

}  // namespace
}  // namespace onebit
