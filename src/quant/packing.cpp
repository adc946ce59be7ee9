#include "quant/packing.h"

#include <algorithm>
#include <array>
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

// Four planes in the low bits of four bytes; then bytes 2 and 3 move to the high bits of 0 and 1.
uint16_t binary_half(const int8_t* c) {
  const uint32_t planes =
      merge_planes(binary_bytes(load8(c)), 1) | merge_planes(binary_bytes(load8(c + 8)), 1) << 2;
  return static_cast<uint16_t>(planes | planes >> 12);
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

uint32_t int8_lane(const int8_t* c) {
  uint32_t word;
  std::memcpy(&word, c, sizeof word);
  return word ^ 0x80808080u;  // w + 128
}

// The row's lanes of the three vectors.
std::array<uint32_t, 3> int6_lanes(const int8_t* c) {
  uint32_t codes[4];
  std::memcpy(codes, c, sizeof codes);
  for (uint32_t& w : codes) w = (w & 0x3f3f3f3fu) ^ 0x20202020u;  // w + 32 modulo 64
  std::array<uint32_t, 3> lanes{};
  for (uint32_t p = 0; p < 3; ++p) lanes[p] = codes[p] | (codes[3] >> (2 * p) & 0x03030303u) << 6;
  return lanes;
}

void store(uint8_t* to, const std::array<uint32_t, 3>& lanes) {
  for (std::size_t p = 0; p < 3; ++p) store(to + 64 * p, lanes[p]);
}

// A row's part of a tile of kTripleI8: 20 bits, 4 numbers of 5 bits for 12 columns.
uint32_t triple_lane(const int8_t* c) {
  uint32_t digits[3];
  std::memcpy(digits, c, sizeof digits);
  for (uint32_t& d : digits) d = static_cast<uint32_t>(ternary_bytes(d)) & 0x03030303u;
  const uint32_t numbers = digits[0] + 3 * digits[1] + 9 * digits[2];  // at most 26 in each byte
  return (numbers & 31) | (numbers >> 3 & 31 << 5) | (numbers >> 6 & 31 << 10) |
         (numbers >> 9 & 31 << 15);
}

// Row `row` of a tile and step of kTripleI8, whose bits are zero before: they start at bit 20 *
// row.
void or_triples(uint32_t lane, int64_t row, uint8_t* tile) {
  lane <<= row % 2 * 4;
  for (int64_t i = 0; i < 3; ++i, lane >>= 8) {
    uint8_t& byte = tile[row * 5 / 2 + i];
    byte = static_cast<uint8_t>(byte | lane);
  }
}

void pack_triples(const int8_t* codes, int64_t cols, int64_t row, int64_t step_bytes, uint8_t* to) {
  int64_t c = 0;
  for (; c + 12 <= cols; c += 12, to += step_bytes) or_triples(triple_lane(codes + c), row, to);
  if (c == cols) return;
  int8_t rest[12];
  std::fill_n(std::copy(codes + c, codes + cols, rest), c + 12 - cols, int8_t{-1});
  or_triples(triple_lane(rest), row, to);
}

int8_t triple_code(const uint8_t* tile, int64_t row, int64_t col) {
  const int64_t bit = 20 * row + 5 * (col % 4);
  int bits = tile[bit / 8] >> (bit % 8);
  if (bit % 8 > 3) bits |= tile[bit / 8 + 1] << (8 - bit % 8);
  constexpr int kDigits[3] = {1, 3, 9};
  return static_cast<int8_t>((bits & 31) / kDigits[col / 4] % 3 - 1);
}

// One row of a panel; `to` is the row's place in the first step. The last step is copied out and
// filled up with the code that is zero bits.
template <int64_t kStep, auto kLane>
void pack_row(const int8_t* codes, int64_t cols, int8_t zero, int64_t step_bytes, uint8_t* to) {
  const int64_t whole = cols / kStep * kStep;
  int64_t c = 0;
  for (; c < whole; c += kStep, to += step_bytes) store(to, kLane(codes + c));
  if (c == cols) return;
  int8_t rest[kStep];
  std::fill_n(std::copy(codes + c, codes + cols, rest), c + kStep - cols, zero);
  store(to, kLane(rest));
}

// Where a row's lane starts in its step of the panel.
int64_t lane_offset(Packing packing, int64_t row) {
  const PackingShape shape = packing_shape(packing);
  const int64_t tile = row / shape.tile_rows * shape.tile_bytes;
  const int64_t r = row % shape.tile_rows;
  if (packing == Packing::kBinaryI8) return tile + r % 16 * 4 + r / 16 * 2;
  if (packing == Packing::kTripleI8) return tile;      // a row starts within a byte
  if (packing == Packing::kInt6) return tile + r * 4;  // in each of three vectors
  return tile + r * (shape.tile_bytes / shape.tile_rows);
}

int64_t step_bytes(Packing packing, int64_t n_rows) {
  const PackingShape shape = packing_shape(packing);
  return ceil_div(n_rows, shape.tile_rows) * shape.tile_bytes;
}

// Column col of a step, whose row `row` starts at `lane`.
int8_t lane_code(Packing packing, const uint8_t* lane, int64_t row, int64_t col) {
  switch (packing) {
    case Packing::kTernaryI8:
      return static_cast<int8_t>((lane[col % 4] >> (2 * (col / 4)) & 3) - 1);
    case Packing::kBinaryI8:
      return lane[col % 2] >> (col / 4 + col % 4 / 2 * 4) & 1 ? 1 : -1;
    case Packing::kBinaryBit:
      return lane[col / 8] >> (col % 8) & 1 ? 1 : -1;
    case Packing::kInt8:
      return static_cast<int8_t>(lane[col] - 128);
    case Packing::kTripleI8:
      return triple_code(lane, row % packing_shape(packing).tile_rows, col);
    case Packing::kInt6: {
      const uint8_t* byte = lane + col % 4;
      const int code = col < 12 ? byte[col / 4 * 64] & 63
                                : byte[0] >> 6 | byte[64] >> 6 << 2 | byte[128] >> 6 << 4;
      return static_cast<int8_t>(code - 32);
    }
  }
  return 0;
}

}  // namespace

int64_t padded_rows(Packing packing, int64_t n_rows) {
  return round_up(n_rows, packing_shape(packing).tile_rows);
}

int64_t panel_bytes(Packing packing, int64_t n_rows, int64_t cols) {
  const bool wide = packing == Packing::kInt8 || packing == Packing::kInt6;
  const int64_t limit = wide ? kMaxColumnsInt8 : kMaxColumns;
  if (cols > limit) {
    throw Error(ErrorCode::kUnsupported, "matrix columns: expected at most " +
                                             std::to_string(limit) + ", found " +
                                             std::to_string(cols));
  }
  if (packing == Packing::kTripleI8) {
    // Kernels read 64 bytes where a tile has 40.
    return round_up(ceil_div(cols, 12) * step_bytes(packing, n_rows) + 24, 64);
  }
  return round_up(cols, kColumnPad) / packing_shape(packing).step * step_bytes(packing, n_rows);
}

int64_t panel_bytes(Packing packing, int64_t cols) {
  return panel_bytes(packing, packing_shape(packing).rows, cols);
}

int64_t packed_bytes(Packing packing, int64_t rows, int64_t cols) {
  const int64_t full_rows = packing_shape(packing).rows;
  const int64_t full = checked_mul(rows / full_rows, panel_bytes(packing, cols), "packed weights");
  const int64_t rest = rows % full_rows;
  return checked_add(full, rest > 0 ? panel_bytes(packing, rest, cols) : 0, "packed weights");
}

void pack_panel(Packing packing, const int8_t* const* codes, int64_t n_rows, int64_t cols,
                uint8_t* panel) {
  std::fill_n(panel, panel_bytes(packing, n_rows, cols), uint8_t{0});
  const int64_t step = step_bytes(packing, n_rows);
  for (int64_t r = 0; r < n_rows; ++r) {
    if (codes[r] == nullptr) continue;
    uint8_t* to = panel + lane_offset(packing, r);
    switch (packing) {
      case Packing::kTernaryI8:
        pack_row<16, ternary_lane>(codes[r], cols, -1, step, to);
        break;
      case Packing::kBinaryI8:
        pack_row<16, binary_half>(codes[r], cols, -1, step, to);
        break;
      case Packing::kBinaryBit:
        pack_row<64, binary_word>(codes[r], cols, -1, step, to);
        break;
      case Packing::kInt8:
        pack_row<4, int8_lane>(codes[r], cols, -128, step, to);
        break;
      case Packing::kTripleI8:
        pack_triples(codes[r], cols, r % packing_shape(packing).tile_rows, step, to);
        break;
      case Packing::kInt6:
        pack_row<16, int6_lanes>(codes[r], cols, -32, step, to);
        break;
    }
  }
}

void unpack_row(Packing packing, const uint8_t* panel, int64_t n_rows, int64_t row, int64_t cols,
                int8_t* codes) {
  const auto unpack = [&]<Packing kPacking>() {
    constexpr int64_t kStep = packing_shape(kPacking).step;
    const uint8_t* lane = panel + lane_offset(kPacking, row);
    for (int64_t c = 0; c < cols; c += kStep, lane += step_bytes(kPacking, n_rows)) {
      const int64_t n = std::min(kStep, cols - c);
      for (int64_t i = 0; i < n; ++i) codes[c + i] = lane_code(kPacking, lane, row, i);
    }
  };
  switch (packing) {
    case Packing::kTernaryI8:
      return unpack.operator()<Packing::kTernaryI8>();
    case Packing::kBinaryI8:
      return unpack.operator()<Packing::kBinaryI8>();
    case Packing::kBinaryBit:
      return unpack.operator()<Packing::kBinaryBit>();
    case Packing::kInt8:
      return unpack.operator()<Packing::kInt8>();
    case Packing::kTripleI8:
      return unpack.operator()<Packing::kTripleI8>();
    case Packing::kInt6:
      return unpack.operator()<Packing::kInt6>();
  }
}

int8_t panel_code(Packing packing, const uint8_t* panel, int64_t n_rows, int64_t row, int64_t col) {
  const int64_t step = packing_shape(packing).step;
  return lane_code(packing,
                   panel + col / step * step_bytes(packing, n_rows) + lane_offset(packing, row),
                   row, col % step);
}

}  // namespace onebit
