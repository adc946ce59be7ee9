#include "emulation/amx.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace onebit {
namespace {

constexpr int kTiles = 8;  // of palette 1
constexpr int kRows = 16;
constexpr int kRowBytes = 64;

// What ldtilecfg reads.
struct TileConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64);

struct Tiles {
  TileConfig config;
  uint8_t data[kTiles][kRows][kRowBytes];
};
thread_local Tiles tiles;

[[noreturn]] void fail(const char* instruction, const char* reason) {
  std::fprintf(stderr, "emulated %s: %s\n", instruction, reason);
  std::abort();
}

void require(bool condition, const char* instruction, const char* reason) {
  if (!condition) fail(instruction, reason);
}

void load_config(const uint8_t* memory) {
  constexpr char kName[] = "ldtilecfg";
  TileConfig config;
  std::memcpy(&config, memory, sizeof config);
  require(config.palette <= 1, kName, "palettes are 0 and 1");
  for (const uint8_t byte : config.reserved) require(byte == 0, kName, "reserved bytes are 0");
  require(config.start_row == 0, kName, "the emulator starts at row 0");
  for (int t = 0; t < 16 && config.palette == 1; ++t) {
    require(t < kTiles || (config.rows[t] == 0 && config.row_bytes[t] == 0), kName,
            "palette 1 has 8 tiles");
    require(config.rows[t] <= kRows, kName, "a tile has at most 16 rows");
    require(config.row_bytes[t] <= kRowBytes, kName, "a row has at most 64 bytes");
    require((config.rows[t] == 0) == (config.row_bytes[t] == 0), kName,
            "a tile has rows without bytes, or bytes without rows");
  }
  tiles = {};
  if (config.palette == 1) tiles.config = config;
}

void require_tile(int t, const char* instruction) {
  require(tiles.config.palette == 1, instruction, "tiles are not configured");
  require(t < kTiles, instruction, "palette 1 has 8 tiles");
  require(tiles.config.rows[t] != 0, instruction, "a tile that the configuration leaves out");
}

void load_tile(const VexInstruction& in, const char* name) {
  require_tile(in.reg, name);
  require(in.has_sib, name, "the address needs a SIB byte");
  auto& tile = tiles.data[in.reg];
  std::memset(tile, 0, sizeof tile);
  for (int r = 0; r < tiles.config.rows[in.reg]; ++r) {
    std::memcpy(tile[r], in.base + r * in.index, tiles.config.row_bytes[in.reg]);
  }
}

void store_tile(const VexInstruction& in) {
  constexpr char kName[] = "tilestored";
  require_tile(in.reg, kName);
  require(in.has_sib, kName, "the address needs a SIB byte");
  for (int r = 0; r < tiles.config.rows[in.reg]; ++r) {
    std::memcpy(in.base + r * in.index, tiles.data[in.reg][r], tiles.config.row_bytes[in.reg]);
  }
}

// c[m][n] += the four products of a[m][4k..] and b[k][4n..], over k. Rows of a tile past its own
// and bytes past its row's are zeros, so whole rows may be multiplied.
template <typename A, typename B>
void multiply(int c, int a, int b, const char* name) {
  for (const int t : {c, a, b}) require_tile(t, name);
  const TileConfig& config = tiles.config;
  require(c != a && c != b && a != b, name, "operands are three different tiles");
  for (const int t : {c, a, b}) {
    require(config.row_bytes[t] % 4 == 0, name, "rows are multiples of 4 bytes");
  }
  require(config.rows[c] == config.rows[a], name, "as many rows in C as in A");
  require(config.row_bytes[c] == config.row_bytes[b], name, "as many columns in C as in B");
  require(config.row_bytes[a] == 4 * config.rows[b], name, "four bytes in A for each row of B");
  for (int m = 0; m < config.rows[c]; ++m) {
    uint32_t sums[kRowBytes / 4];
    std::memcpy(sums, tiles.data[c][m], sizeof sums);
    for (int k = 0; k < config.rows[b]; ++k) {
      A left[4];
      B right[kRowBytes];
      std::memcpy(left, tiles.data[a][m] + 4 * k, sizeof left);
      std::memcpy(right, tiles.data[b][k], sizeof right);
      for (int n = 0; n < kRowBytes / 4; ++n) {
        const int sum = left[0] * right[4 * n] + left[1] * right[4 * n + 1] +
                        left[2] * right[4 * n + 2] + left[3] * right[4 * n + 3];
        sums[n] += static_cast<uint32_t>(sum);  // wraps
      }
    }
    std::memcpy(tiles.data[c][m], sums, sizeof sums);
  }
}

bool execute_config(const VexInstruction& in) {  // opcode 49
  switch (in.prefix) {
    case VexPrefix::kNone:
      if (in.reg != 0) return false;
      if (in.has_memory) {
        load_config(in.memory());
      } else if (in.rm == 0) {
        tiles = {};  // tilerelease
      } else {
        return false;
      }
      return true;
    case VexPrefix::k66:
      if (in.reg != 0 || !in.has_memory) return false;
      std::memcpy(in.memory(), &tiles.config, sizeof tiles.config);
      return true;
    case VexPrefix::kF2:
      if (in.rm != 0 || in.has_memory) return false;
      require_tile(in.reg, "tilezero");
      std::memset(tiles.data[in.reg], 0, sizeof tiles.data[in.reg]);
      return true;
    default:
      return false;
  }
}

bool execute_move(const VexInstruction& in) {  // opcode 4b
  if (!in.has_memory) return false;
  switch (in.prefix) {
    case VexPrefix::kF2:
      load_tile(in, "tileloadd");
      return true;
    case VexPrefix::k66:
      load_tile(in, "tileloaddt1");
      return true;
    case VexPrefix::kF3:
      store_tile(in);
      return true;
    default:
      return false;
  }
}

bool execute_product(const VexInstruction& in) {  // opcode 5e
  if (in.has_memory) return false;
  switch (in.prefix) {
    case VexPrefix::kF2:
      multiply<int8_t, int8_t>(in.reg, in.rm, in.vvvv, "tdpbssd");
      return true;
    case VexPrefix::kF3:
      multiply<int8_t, uint8_t>(in.reg, in.rm, in.vvvv, "tdpbsud");
      return true;
    case VexPrefix::k66:
      multiply<uint8_t, int8_t>(in.reg, in.rm, in.vvvv, "tdpbusd");
      return true;
    default:
      multiply<uint8_t, uint8_t>(in.reg, in.rm, in.vvvv, "tdpbuud");
      return true;
  }
}

}  // namespace

bool execute_amx(const VexInstruction& in) {
  if (in.w || in.is_256) return false;
  if (in.opcode == 0x5e) return execute_product(in);
  if (in.vvvv != 0) return false;
  if (in.opcode == 0x49) return execute_config(in);
  return in.opcode == 0x4b && execute_move(in);
}

}  // namespace onebit
