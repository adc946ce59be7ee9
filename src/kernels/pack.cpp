#include "kernels/pack.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/checked.h"
#include "base/error.h"

namespace onebit {
namespace {

// Codes are packed eight at a time: byte j of a 64-bit word is column j.
static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kEveryByte = 0x0101010101010101u;

uint64_t load8(const int8_t* codes) {
  uint64_t word;
  std::memcpy(&word, codes, sizeof word);
  return word;
}

template <typename Word>
void store(uint8_t* to, Word word) {
  std::memcpy(to, &word, sizeof word);
}

// -1, 0, +1 (ff, 00, 01) to 0, 1, 2 in each byte. Masked first, so that no byte carries over.
uint64_t ternary_bytes(uint64_t w) {
  return ((w & (3 * kEveryByte)) + kEveryByte) & (3 * kEveryByte);
}

// -1, +1 (ff, 01) to 0, 1 in each byte: the inverse of bit 1.
uint64_t binary_bytes(uint64_t w) {
  return ~w >> 1 & kEveryByte;
}

// Planes p and p + 1 of a lane sit in the halves of one 8-column word: bytes j of columns 4p + j
// and 4(p + 1) + j. `bits` is the width of a plane.
uint32_t merge_planes(uint64_t w, int bits) {
  return static_cast<uint32_t>(w) | static_cast<uint32_t>(w >> 32 << bits);
}

uint32_t ternary_lane(const int8_t* c) {
  return merge_planes(ternary_bytes(load8(c)), 2) | merge_planes(ternary_bytes(load8(c + 8)), 2)
                                                        << 4;
}

uint32_t binary_lane(const int8_t* c) {
  return merge_planes(binary_bytes(load8(c)), 1) |
         merge_planes(binary_bytes(load8(c + 8)), 1) << 2 |
         merge_planes(binary_bytes(load8(c + 16)), 1) << 4 |
         merge_planes(binary_bytes(load8(c + 24)), 1) << 6;
}

// The low bits of eight bytes side by side: the product moves bit 8j to bit 56 + j, and every other
// partial product has a place of its own, so nothing carries.
uint64_t gather_bits(uint64_t w) {
  return w * 0x0102040810204080u >> 56;
}

uint64_t binary_word(const int8_t* c) {
  uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word |= gather_bits(binary_bytes(load8(c + 8 * i))) << (8 * i);
  return word;
}

// One row of a panel; `to` is the row's lane in the first step. The last step is copied out and
// filled up with -1, which is zero bits in every packing.
template <Packing kPacking, auto kLane>
void pack_row(const int8_t* codes, int64_t cols, uint8_t* to) {
  constexpr int64_t kStep = packing_step(kPacking);
  const int64_t whole = cols / kStep * kStep;
  int64_t c = 0;
  for (; c < whole; c += kStep, to += packing_step_bytes(kPacking)) store(to, kLane(codes + c));
  if (c == cols) return;
  int8_t rest[kStep];
  std::fill_n(std::copy(codes + c, codes + cols, rest), c + kStep - cols, int8_t{-1});
  store(to, kLane(rest));
}

}  // namespace

int64_t panel_bytes(Packing packing, int64_t cols) {
  if (cols > kMaxColumns) {
    throw Error(ErrorCode::kUnsupported, "matrix columns: expected at most " +
                                             std::to_string(kMaxColumns) + ", found " +
                                             std::to_string(cols));
  }
  return ceil_div(cols, packing_step(packing)) * packing_step_bytes(packing);
}

void pack_panel(Packing packing, const int8_t* const codes[kPanelRows], int64_t cols,
                uint8_t* panel) {
  const int64_t bytes = panel_bytes(packing, cols);
  const int64_t lane = packing_step_bytes(packing) / kPanelRows;
  if (std::find(codes, codes + kPanelRows, nullptr) != codes + kPanelRows) {
    std::fill_n(panel, bytes, uint8_t{0});
  }
  for (int64_t r = 0; r < kPanelRows; ++r) {
    if (codes[r] == nullptr) continue;
    uint8_t* to = panel + r * lane;
    switch (packing) {
      case Packing::kTernaryI8:
        pack_row<Packing::kTernaryI8, ternary_lane>(codes[r], cols, to);
        break;
      case Packing::kBinaryI8:
        pack_row<Packing::kBinaryI8, binary_lane>(codes[r], cols, to);
        break;
      case Packing::kBinaryBit:
        pack_row<Packing::kBinaryBit, binary_word>(codes[r], cols, to);
        break;
    }
  }
}

void unpack_row(Packing packing, const uint8_t* panel, int64_t row, int64_t cols, int8_t* codes) {
  const auto unpack = [&]<Packing kPacking>() {
    for (int64_t c = 0; c < cols; ++c) codes[c] = panel_code(kPacking, panel, row, c);
  };
  switch (packing) {
    case Packing::kTernaryI8:
      return unpack.operator()<Packing::kTernaryI8>();
    case Packing::kBinaryI8:
      return unpack.operator()<Packing::kBinaryI8>();
    case Packing::kBinaryBit:
      return unpack.operator()<Packing::kBinaryBit>();
  }
}

int8_t panel_code(Packing packing, const uint8_t* panel, int64_t row, int64_t col) {
  const int64_t in_step = col % packing_step(packing);
  const uint8_t* step = panel + col / packing_step(packing) * packing_step_bytes(packing);
  switch (packing) {
    case Packing::kTernaryI8:
      return static_cast<int8_t>((step[4 * row + in_step % 4] >> (2 * (in_step / 4)) & 3) - 1);
    case Packing::kBinaryI8:
      return step[4 * row + in_step % 4] >> (in_step / 4) & 1 ? 1 : -1;
    case Packing::kBinaryBit:
      return step[8 * row + in_step / 8] >> (in_step % 8) & 1 ? 1 : -1;
  }
  return 0;
}

}  // namespace onebit
