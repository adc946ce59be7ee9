#include <immintrin.h>

#include "eval/int8_peak.h"
#include "kernels/cpu_features.h"

namespace onebit {
namespace {

// Enough independent accumulators to hide the latency of a dot product on any CPU. The empty asm
// makes each sum unknown to the compiler, so that it can neither share nor hoist the work.

__attribute__((target("avx512f,avx512vnni"))) int64_t run_avx512(int64_t n) {
  constexpr int64_t kMacs = 16 * 64;
  __m512i sums[16];
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) sums[j] = _mm512_set1_epi32(j);
  const __m512i codes = _mm512_set1_epi8(1);
  const __m512i acts = _mm512_set1_epi8(2);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) {
      sums[j] = _mm512_dpbusd_epi32(sums[j], codes, acts);
      asm volatile("" : "+v"(sums[j]));
    }
  }
  return done;
}

__attribute__((target("avx2,avxvnni"))) int64_t run_avxvnni(int64_t n) {
  constexpr int64_t kMacs = 12 * 32;
  __m256i sums[12];
#pragma GCC unroll 12
  for (int j = 0; j < 12; ++j) sums[j] = _mm256_set1_epi32(j);
  const __m256i codes = _mm256_set1_epi8(1);
  const __m256i acts = _mm256_set1_epi8(2);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) {
      sums[j] = _mm256_dpbusd_avx_epi32(sums[j], codes, acts);
      asm volatile("" : "+x"(sums[j]));
    }
  }
  return done;
}

// Without VNNI: products of pairs in int16, pairs of these in int32, and the sum.
__attribute__((target("avx2"))) int64_t run_avx2(int64_t n) {
  constexpr int64_t kMacs = 8 * 32;
  __m256i sums[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) sums[j] = _mm256_set1_epi32(j);
  const __m256i codes = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i acts = _mm256_set1_epi8(2);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      asm volatile("" : "+x"(acts));
      const __m256i pairs = _mm256_maddubs_epi16(codes, acts);
      sums[j] = _mm256_add_epi32(sums[j], _mm256_madd_epi16(pairs, ones));
      asm volatile("" : "+x"(sums[j]));
    }
  }
  return done;
}

struct TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);  // Intel SDM vol. 1, 18.3

// Tiles of 16 x 64 times 64 x 16 bytes: four sums, as a blocked product has them.
__attribute__((target("amx-tile,amx-int8"))) int64_t run_amx(int64_t n) {
  constexpr int64_t kMacs = 4 * 16 * 16 * 64;
  const TileConfig config;
  asm volatile("" : : "r"(&config) : "memory");  // GCC: ldtilecfg reads more than its operand says
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  int64_t done = 0;
  for (; done < n; done += kMacs) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_release();
  return done;
}

bool has_avx2() {
  return decide_tiers(read_cpu_registers()).avx2;
}

bool has_avx512() {
  return decide_tiers(read_cpu_registers()).avx512;
}

bool has_avxvnni() {
  return decide_tiers(read_cpu_registers()).avxvnni;
}

bool has_amx() {
  return decide_tiers(read_cpu_registers()).amx;
}

constexpr Int8Loop kLoops[] = {
    {"amx", "tdpbusd", has_amx, run_amx},
    {"avx512", "vpdpbusd, 512 bits", has_avx512, run_avx512},
    {"avxvnni", "vpdpbusd, 256 bits", has_avxvnni, run_avxvnni},
    {"avx2", "vpmaddubsw, vpmaddwd, vpaddd", has_avx2, run_avx2},
};

}  // namespace

std::span<const Int8Loop> int8_loops() {
  return kLoops;
}

}  // namespace onebit
