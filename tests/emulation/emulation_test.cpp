// The emulator against plain loops. On a CPU that has the instructions these tests ask the CPU.
#include "emulation/emulation.h"

#include <gtest/gtest.h>
#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/dispatch.h"

namespace onebit {
namespace {

int byte_at(int i) {  // all values, in no order
  return (i * 89 + 17) % 256;
}

class Amx : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(emulate_missing_instructions());
    for (int i = 0; i < 16 * kStride; ++i) {
      a_[i] = static_cast<uint8_t>(byte_at(i));
      b_[i] = static_cast<uint8_t>(byte_at(3 * i + 5));
      c_[i] = static_cast<uint8_t>(byte_at(7 * i + 1));
    }
  }

  // Not the CPU's: it would not abort but raise SIGSEGV.
  static bool on_this_cpu() { return decide_tiers(read_cpu_registers()).amx; }

  static constexpr int kStride = 80;  // bytes
  alignas(64) uint8_t a_[16 * kStride];
  alignas(64) uint8_t b_[16 * kStride];
  alignas(64) uint8_t c_[16 * kStride];
};

struct Config {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void set(int tile, int n_rows, int bytes) {
    rows[tile] = static_cast<uint8_t>(n_rows);
    row_bytes[tile] = static_cast<uint16_t>(bytes);
  }
};

#define AMX_CODE __attribute__((target("amx-tile,amx-int8")))

AMX_CODE void load_config(const Config& config) {
  asm volatile("ldtilecfg %0" : : "m"(config));
}

AMX_CODE void store_config(Config& config) {
  asm volatile("sttilecfg %0" : "=m"(config));
}

AMX_CODE void release() {
  asm volatile("tilerelease");
}

// Tile 1 is C, tile 4 A, tile 7 B. Each product is written out: its name is part of the code.
enum class Signs { kBoth, kA, kB, kNone };
AMX_CODE void multiply(Signs signs, uint8_t* c, const uint8_t* a, const uint8_t* b,
                       int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm1" : : "r"(c), "r"(stride) : "memory");
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm4" : : "r"(a), "r"(stride) : "memory");
  // another address: displacement, scaled r12, base in r13
  asm volatile(
      "mov %0, %%r13\n\t"
      "mov %1, %%r12\n\t"
      "tileloadd -48(%%r13,%%r12,2), %%tmm7"
      :
      : "r"(b + 48), "r"(stride / 2)
      : "memory", "r12", "r13");
  if (signs == Signs::kBoth) asm volatile("tdpbssd %tmm7, %tmm4, %tmm1");
  if (signs == Signs::kA) asm volatile("tdpbsud %tmm7, %tmm4, %tmm1");
  if (signs == Signs::kB) asm volatile("tdpbusd %tmm7, %tmm4, %tmm1");
  if (signs == Signs::kNone) asm volatile("tdpbuud %tmm7, %tmm4, %tmm1");
  asm volatile("tilestored %%tmm1, (%0,%1,1)" : : "r"(c), "r"(stride) : "memory");
}

int signed_or_not(uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<int8_t>(byte) : byte;
}

TEST_F(Amx, ProductsEqualPlainLoops) {
  constexpr struct {
    int m, n, k;  // C is m x n, four columns of A and bytes of B for each k
  } kShapes[] = {{16, 16, 16}, {1, 1, 1}, {5, 16, 16}, {16, 7, 8}, {3, 9, 13}};
  for (const auto& [m, n, k] : kShapes) {
    Config config;
    config.set(1, m, 4 * n);
    config.set(4, m, 4 * k);
    config.set(7, k, 4 * n);
    for (const Signs signs : {Signs::kBoth, Signs::kA, Signs::kB, Signs::kNone}) {
      const bool a_signed = signs == Signs::kBoth || signs == Signs::kA;
      const bool b_signed = signs == Signs::kBoth || signs == Signs::kB;
      uint8_t expected[sizeof c_];
      std::memcpy(expected, c_, sizeof c_);
      for (int i = 0; i < m; ++i) {
        for (int j = 0; j < n; ++j) {
          int64_t sum = 0;
          for (int l = 0; l < 4 * k; ++l) {
            sum += int64_t{signed_or_not(a_[i * kStride + l], a_signed)} *
                   signed_or_not(b_[l / 4 * kStride + 4 * j + l % 4], b_signed);
          }
          uint32_t value;
          std::memcpy(&value, expected + i * kStride + 4 * j, 4);
          value += static_cast<uint32_t>(sum);
          std::memcpy(expected + i * kStride + 4 * j, &value, 4);
        }
      }
      load_config(config);
      multiply(signs, c_, a_, b_, kStride);
      release();
      EXPECT_EQ(std::memcmp(expected, c_, sizeof c_), 0) << m << ' ' << n << ' ' << k;
    }
  }
}

TEST_F(Amx, TilesAreZeroAfterConfigurationAndTilezero) {
  Config config;
  config.set(2, 3, 12);
  load_config(config);
  asm volatile("tilestored %%tmm2, (%0,%1,1)" : : "r"(c_), "r"(int64_t{kStride}) : "memory");
  asm volatile("tileloadd (%0,%1,1), %%tmm2" : : "r"(a_), "r"(int64_t{kStride}) : "memory");
  asm volatile("tilezero %tmm2");
  asm volatile("tilestored %%tmm2, (%0,%1,1)" : : "r"(b_), "r"(int64_t{kStride}) : "memory");
  release();
  for (int i = 0; i < 16 * kStride; ++i) {
    const bool stored = i / kStride < 3 && i % kStride < 12;
    EXPECT_EQ(c_[i], stored ? 0 : byte_at(7 * i + 1)) << i;
    EXPECT_EQ(b_[i], stored ? 0 : byte_at(3 * i + 5)) << i;
  }
}

TEST_F(Amx, ConfigurationIsStoredUntilItIsReleased) {
  Config config;
  config.set(0, 16, 64);
  config.set(6, 1, 4);
  load_config(config);
  Config found;
  store_config(found);
  EXPECT_EQ(std::memcmp(&config, &found, sizeof config), 0);
  release();
  store_config(found);
  EXPECT_EQ(found.palette, 0);
  EXPECT_EQ(found.rows[0], 0);
}

TEST_F(Amx, EachThreadHasItsOwnTiles) {
  Config config;
  config.set(1, 16, 64);
  load_config(config);
  Config of_other;
  std::thread([&] {
    store_config(of_other);
    Config other;
    other.set(1, 2, 8);
    load_config(other);
    release();
  }).join();
  EXPECT_EQ(of_other.palette, 0);
  Config found;
  store_config(found);
  EXPECT_EQ(std::memcmp(&config, &found, sizeof config), 0);
  release();
}

using AmxDeathTest = Amx;

TEST_F(AmxDeathTest, WhatTheCpuWouldRefuseAborts) {
  if (on_this_cpu()) GTEST_SKIP() << "the CPU's own exceptions";
  const auto with = [](int tile, int rows, int bytes) {
    Config config;
    config.set(1, 16, 64);
    config.set(4, 16, 64);
    config.set(7, 16, 64);
    config.set(tile, rows, bytes);
    return config;
  };
  EXPECT_DEATH(load_config(with(3, 17, 64)), "ldtilecfg: a tile has at most 16 rows");
  EXPECT_DEATH(load_config(with(3, 16, 65)), "ldtilecfg: a row has at most 64 bytes");
  EXPECT_DEATH(load_config(with(3, 0, 64)), "ldtilecfg: a tile has rows without bytes");
  EXPECT_DEATH(load_config(with(8, 1, 4)), "ldtilecfg: palette 1 has 8 tiles");
  const auto run = [&](const Config& config) {
    load_config(config);
    multiply(Signs::kBoth, c_, a_, b_, kStride);
  };
  EXPECT_DEATH(run(with(7, 0, 0)), "tileloadd: a tile that the configuration leaves out");
  EXPECT_DEATH(run(with(7, 8, 64)), "tdpbssd: four bytes in A for each row of B");
  EXPECT_DEATH(run(with(7, 16, 32)), "tdpbssd: as many columns in C as in B");
  EXPECT_DEATH(run(with(4, 8, 64)), "tdpbssd: as many rows in C as in A");
  EXPECT_DEATH(run(with(4, 16, 62)), "tdpbssd: rows are multiples of 4 bytes");
  EXPECT_DEATH(asm volatile("tilezero %tmm0"), "tilezero: tiles are not configured");
}

TEST(EmulationDeathTest, OtherIllegalInstructionsStillEndTheProcess) {
  ASSERT_TRUE(emulate_missing_instructions());
  EXPECT_EXIT(asm volatile("ud2"), ::testing::KilledBySignal(SIGILL), "");
}

// AVX-VNNI.

struct Vectors {
  alignas(32) uint8_t sums[32];
  alignas(32) uint8_t left[32];
  alignas(32) uint8_t right[32];
};

Vectors make_vectors(int seed) {
  Vectors v;
  for (int i = 0; i < 32; ++i) {
    v.sums[i] = static_cast<uint8_t>(byte_at(i + seed));
    v.left[i] = static_cast<uint8_t>(byte_at(5 * i + seed));
    v.right[i] = static_cast<uint8_t>(byte_at(11 * i + seed));
  }
  return v;
}

int32_t lane(const uint8_t* bytes, int i) {
  int32_t value;
  std::memcpy(&value, bytes + 4 * i, sizeof value);
  return value;
}

int32_t expected_lane(const Vectors& v, int i, bool words, bool saturates) {
  int64_t sum = lane(v.sums, i);
  for (int j = 0; j < (words ? 2 : 4); ++j) {
    if (words) {
      int16_t a;
      int16_t b;
      std::memcpy(&a, v.left + 4 * i + 2 * j, 2);
      std::memcpy(&b, v.right + 4 * i + 2 * j, 2);
      sum += a * b;
    } else {
      sum += v.left[4 * i + j] * static_cast<int8_t>(v.right[4 * i + j]);
    }
  }
  if (saturates && sum > INT32_MAX) return INT32_MAX;
  if (saturates && sum < INT32_MIN) return INT32_MIN;
  return static_cast<int32_t>(sum);
}

// Loads ymm14 = sums, ymm3 = left, ymm9 = right and ymm2 = sums again, runs `text`, and stores
// ymm14 and ymm2. Memory: rsi = right, rdx = 32.
#define VNNI(text)                                                     \
  [](Vectors & v, uint8_t * other) __attribute__((target("avx2"))) {   \
    asm volatile(                                                      \
        "vmovdqa %1, %%ymm14\n\t"                                      \
        "vmovdqa %2, %%ymm3\n\t"                                       \
        "vmovdqa %3, %%ymm9\n\t"                                       \
        "vmovdqa %1, %%ymm2\n\t" text                                  \
        "\n\t"                                                         \
        "vmovdqa %%ymm14, %1\n\t"                                      \
        "vmovdqu %%ymm2, %0"                                           \
        : "=m"(*reinterpret_cast<uint8_t(*)[32]>(other)), "+m"(v.sums) \
        : "m"(v.left), "m"(v.right), "S"(v.right), "d"(int64_t{32})    \
        : "xmm2", "xmm3", "xmm9", "xmm14");                            \
  }

class AvxVnni : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!decide_tiers(read_cpu_registers()).avx2) GTEST_SKIP() << "no ymm registers";
    ASSERT_TRUE(emulate_missing_instructions());
  }

  static void check(void (*run)(Vectors&, uint8_t*), bool words, bool saturates, int lanes) {
    for (int seed = 0; seed < 20; ++seed) {
      Vectors v = make_vectors(seed);
      for (int i = 0; i < 4; ++i) v.sums[4 * i + 3] = seed % 2 == 0 ? 0x7f : 0x80;  // near the ends
      const Vectors before = v;
      uint8_t other[32];
      run(v, other);
      for (int i = 0; i < 8; ++i) {
        const int32_t expected = i < lanes ? expected_lane(before, i, words, saturates) : 0;
        EXPECT_EQ(lane(v.sums, i), expected) << seed << ": lane " << i;
      }
      EXPECT_EQ(std::memcmp(other, before.sums, 32), 0) << "a register that was not named";
    }
  }
};

TEST_F(AvxVnni, RegistersOf256Bits) {
  check(VNNI("%{vex%} vpdpbusd %%ymm9, %%ymm3, %%ymm14"), false, false, 8);
  check(VNNI("%{vex%} vpdpbusds %%ymm9, %%ymm3, %%ymm14"), false, true, 8);
  check(VNNI("%{vex%} vpdpwssd %%ymm9, %%ymm3, %%ymm14"), true, false, 8);
  check(VNNI("%{vex%} vpdpwssds %%ymm9, %%ymm3, %%ymm14"), true, true, 8);
}

TEST_F(AvxVnni, RegistersOf128BitsZeroTheUpperHalf) {
  check(VNNI("%{vex%} vpdpbusd %%xmm9, %%xmm3, %%xmm14"), false, false, 4);
  check(VNNI("%{vex%} vpdpwssds %%xmm9, %%xmm3, %%xmm14"), true, true, 4);
}

TEST_F(AvxVnni, MemoryOperands) {
  check(VNNI("%{vex%} vpdpbusd (%%rsi), %%ymm3, %%ymm14"), false, false, 8);
  check(VNNI("%{vex%} vpdpbusd -32(%%rsi,%%rdx,1), %%ymm3, %%ymm14"), false, false, 8);
  check(VNNI("%{vex%} vpdpbusds -256(%%rsi,%%rdx,8), %%ymm3, %%ymm14"), false, true, 8);
}

// The distance to the operand is counted from the next instruction.
alignas(32) constexpr uint8_t kOnes[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

__attribute__((target("avx2"))) void sum_bytes(const uint8_t* bytes, int32_t* sums) {
  asm volatile(
      "vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
      "vmovdqu %1, %%ymm1\n\t"
      "%{vex%} vpdpbusd %2, %%ymm1, %%ymm0\n\t"
      "vmovdqu %%ymm0, %0"
      : "=m"(*reinterpret_cast<int32_t(*)[8]>(sums))
      : "m"(*reinterpret_cast<const uint8_t(*)[32]>(bytes)), "m"(kOnes)
      : "xmm0", "xmm1");
}

TEST_F(AvxVnni, RelativeToTheInstructionPointer) {
  const Vectors v = make_vectors(0);
  int32_t sums[8];
  sum_bytes(v.left, sums);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(sums[i], v.left[4 * i] + v.left[4 * i + 1] + v.left[4 * i + 2] + v.left[4 * i + 3]);
  }
}

// On an AVX-512 CPU a VEX instruction zeroes bits 256 .. 511 of its destination, and no other's.
__attribute__((target("avx512f"))) void run_below_zmm(int64_t* zmm14, int64_t* zmm2) {
  asm volatile(
      "vpternlogd $255, %%zmm14, %%zmm14, %%zmm14\n\t"
      "vmovdqa64 %%zmm14, %%zmm2\n\t"
      "%{vex%} vpdpbusd %%ymm14, %%ymm14, %%ymm14\n\t"
      "vmovdqu64 %%zmm14, %0\n\t"
      "vmovdqu64 %%zmm2, %1"
      : "=m"(*reinterpret_cast<int64_t(*)[8]>(zmm14)), "=m"(*reinterpret_cast<int64_t(*)[8]>(zmm2))
      :
      : "xmm2", "xmm14");
}

TEST_F(AvxVnni, ZeroesWhatLiesAboveItsResult) {
  if (!decide_tiers(read_cpu_registers()).avx512) GTEST_SKIP() << "no zmm registers";
  int64_t zmm14[8];
  int64_t zmm2[8];
  run_below_zmm(zmm14, zmm2);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(zmm2[i], -1) << i;
    EXPECT_EQ(zmm14[i] == 0, i >= 4) << i;
  }
}

TEST(TestableKernels, AreTheUsableOnesAndTheEmulated) {
  std::size_t usable = 0;
  for (const Kernels* kernels : testable_kernels()) usable += is_emulated(*kernels) ? 0 : 1;
  EXPECT_EQ(usable, usable_kernels().size());
  EXPECT_STREQ(testable_kernels().back()->isa, "scalar");
  EXPECT_FALSE(is_emulated(*testable_kernels().back()));
}

}  // namespace
}  // namespace onebit
