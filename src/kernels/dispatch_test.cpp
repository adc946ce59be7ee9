#include "kernels/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"
#include "kernels/cpu_features.h"

namespace onebit {
namespace {

// A CPU with every feature and an operating system that saves every register.
CpuRegisters everything() {
  return {.leaf1_ecx = ~0u,
          .leaf7_ebx = ~0u,
          .leaf7_ecx = ~0u,
          .leaf7_edx = ~0u,
          .leaf7_1_eax = ~0u,
          .xcr0 = ~uint64_t{0},
          .may_use_tiles = true,
          .aarch64_hwcap = ~uint64_t{0},
          .aarch64_hwcap2 = ~uint64_t{0}};
}

TEST(Dispatch, ScalarIsLastAndAlwaysThere) {
  EXPECT_STREQ(compiled_kernels().back()->isa, "scalar");
  EXPECT_STREQ(usable_kernels().back()->isa, "scalar");
  EXPECT_LE(usable_kernels().size(), compiled_kernels().size());
}

TEST(Dispatch, EveryUsableNameFindsItsKernels) {
  for (const Kernels* kernels : usable_kernels()) {
    EXPECT_EQ(&find_kernels(kernels->isa), kernels);
  }
}

TEST(Dispatch, KernelsForAMachineAreThoseOfItsTiers) {
  EXPECT_EQ(kernels_for({}).size(), 1u);
  EXPECT_STREQ(kernels_for({}).front()->isa, "scalar");
  const auto all = kernels_for(decide_tiers(everything()));
  EXPECT_TRUE(
      std::equal(all.begin(), all.end(), compiled_kernels().begin(), compiled_kernels().end()));
}

TEST(Dispatch, EveryEntryIsFilled) {
  for (const Kernels* kernels : compiled_kernels()) {
    for (int p = 0; p < kPackings; ++p) {  // only some know triples and 6 bits
      const auto packing = static_cast<Packing>(p);
      const bool optional = packing == Packing::kTripleI8 || packing == Packing::kInt6;
      EXPECT_TRUE(optional || kernels->matmul[p] != nullptr);
    }
    for (const auto& [bytes, run] : kernels->prepare) EXPECT_EQ(bytes == nullptr, run == nullptr);
    EXPECT_NE(kernels->floats.dot, nullptr);
    EXPECT_NE(kernels->floats.quantize_sign, nullptr);  // the last member
  }
}

TEST(Dispatch, UnknownNameIsAnErrorThatListsTheUsableOnes) {
  std::string names;
  for (const Kernels* kernels : usable_kernels()) {
    names += (names.empty() ? "" : ", ") + std::string(kernels->isa);
  }
  for (const std::string name : {"sse9", "", "AVX2", "avx2 "}) {
    try {
      find_kernels(name);
      FAIL() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(e.what(), "instruction set: expected one of " + names + ", found '" + name + "'");
    }
  }
}

// default_kernels() decides once per process, so each value gets a process of its own: a fork, for
// an emulator cannot start this file again ("threadsafe" style). gtest runs death tests first.
TEST(DispatchDeathTest, EnvironmentForcesAnInstructionSet) {
  const auto run_with = [](const char* isa) {
    setenv("ONEBIT_ISA", isa, 1);
    try {
      std::fprintf(stderr, "chose %s\n", default_kernels().isa);
    } catch (const Error& e) {
      std::fprintf(stderr, "error %s\n", e.what());
    }
    std::exit(0);
  };
  for (const Kernels* kernels : usable_kernels()) {
    EXPECT_EXIT(run_with(kernels->isa), ::testing::ExitedWithCode(0),
                "chose " + std::string(kernels->isa));
  }
  EXPECT_EXIT(run_with("sse9"), ::testing::ExitedWithCode(0),
              "error instruction set: expected one of .*scalar, found 'sse9'");
}

TEST(CpuFeatures, ATierNeedsTheOperatingSystemToSaveItsRegisters) {
  EXPECT_TRUE(decide_tiers(everything()).avx512);
  CpuRegisters r = everything();
  r.xcr0 = 0x07;  // x87, SSE, ymm: a system without AVX-512 support
  EXPECT_TRUE(decide_tiers(r).avx2);
  EXPECT_FALSE(decide_tiers(r).avx512);
  r.xcr0 = 0x67;  // upper halves of zmm0-15, but not zmm16-31
  EXPECT_FALSE(decide_tiers(r).avx512);
  r.xcr0 = 0x03;
  EXPECT_FALSE(decide_tiers(r).avx2);
  r = everything();
  r.leaf1_ecx &= ~(1u << 27);  // no OSXSAVE
  EXPECT_FALSE(decide_tiers(r).avx2);
  EXPECT_FALSE(decide_tiers({}).avx2);
  EXPECT_TRUE(decide_tiers({}).scalar);
}

TEST(CpuFeatures, AvxTiersNeedEveryFeature) {
  for (const int bit : {12, 23, 27, 28, 29}) {
    CpuRegisters r = everything();
    r.leaf1_ecx &= ~(1u << bit);
    EXPECT_FALSE(decide_tiers(r).avx2) << bit;
    EXPECT_FALSE(decide_tiers(r).avx512) << bit;
  }
  for (const int bit : {5, 16, 17, 30, 31}) {
    CpuRegisters r = everything();
    r.leaf7_ebx &= ~(1u << bit);
    EXPECT_EQ(decide_tiers(r).avx2, bit != 5) << bit;
    EXPECT_FALSE(decide_tiers(r).avx512) << bit;
  }
  for (const int bit : {1, 11, 12, 14}) {
    CpuRegisters r = everything();
    r.leaf7_ecx &= ~(1u << bit);
    EXPECT_TRUE(decide_tiers(r).avx2) << bit;
    EXPECT_FALSE(decide_tiers(r).avx512) << bit;
  }
}

TEST(CpuFeatures, AvxVnniNeedsItsBitAndAvx2) {
  EXPECT_TRUE(decide_tiers(everything()).avxvnni);
  CpuRegisters r = everything();
  r.leaf7_1_eax &= ~(1u << 4);
  EXPECT_FALSE(decide_tiers(r).avxvnni);
  EXPECT_TRUE(decide_tiers(r).avx512);
  r = everything();
  r.leaf7_ebx &= ~(1u << 5);
  EXPECT_FALSE(decide_tiers(r).avxvnni);
  r = everything();
  r.xcr0 = 0x03;  // no ymm
  EXPECT_FALSE(decide_tiers(r).avxvnni);
}

TEST(CpuFeatures, AmxNeedsItsFeaturesItsRegistersAndPermission) {
  EXPECT_TRUE(decide_tiers(everything()).amx);
  for (const int bit : {24, 25}) {
    CpuRegisters r = everything();
    r.leaf7_edx &= ~(1u << bit);
    EXPECT_FALSE(decide_tiers(r).amx) << bit;
    EXPECT_TRUE(decide_tiers(r).avx512) << bit;
  }
  for (const int bit : {7, 17, 18}) {
    CpuRegisters r = everything();
    r.xcr0 &= ~(uint64_t{1} << bit);
    EXPECT_FALSE(decide_tiers(r).amx) << bit;
  }
  CpuRegisters r = everything();
  r.may_use_tiles = false;
  EXPECT_FALSE(decide_tiers(r).amx);
  EXPECT_TRUE(decide_tiers(r).avx512);
}

TEST(CpuFeatures, NeonTiersFollowTheHwcapBits) {
  constexpr uint64_t kAsimd = uint64_t{1} << 1;
  constexpr uint64_t kAsimdDp = uint64_t{1} << 20;
  constexpr uint64_t kI8mm = uint64_t{1} << 13;  // of AT_HWCAP2
  CpuRegisters r;
  EXPECT_FALSE(decide_tiers(r).neon);
  r.aarch64_hwcap = kAsimd;
  EXPECT_TRUE(decide_tiers(r).neon);
  EXPECT_FALSE(decide_tiers(r).neon_dotprod);
  r.aarch64_hwcap = kAsimd | kAsimdDp;
  EXPECT_TRUE(decide_tiers(r).neon_dotprod);
  EXPECT_FALSE(decide_tiers(r).neon_i8mm);
  r.aarch64_hwcap2 = kI8mm;
  EXPECT_TRUE(decide_tiers(r).neon_i8mm);
  r.aarch64_hwcap2 = ~kI8mm;
  EXPECT_FALSE(decide_tiers(r).neon_i8mm);
  r.aarch64_hwcap2 = kI8mm;
  r.aarch64_hwcap = ~kAsimdDp;
  EXPECT_FALSE(decide_tiers(r).neon_dotprod);
  EXPECT_FALSE(decide_tiers(r).neon_i8mm);
}

#if defined(__x86_64__)
TEST(CpuFeatures, AgreeWithTheCompilersDetection) {
  const CpuTiers tiers = decide_tiers(read_cpu_registers());
  EXPECT_EQ(tiers.avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"));
  EXPECT_EQ(tiers.avx512,
            __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
                __builtin_cpu_supports("avx512vpopcntdq") &&
                __builtin_cpu_supports("avx512bitalg"));
}
#elif defined(__aarch64__)
TEST(CpuFeatures, AgreeWithWhatLinuxWritesInProcCpuinfo) {
  std::ifstream file("/proc/cpuinfo");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto begin = text.find("Features");
  if (begin == std::string::npos) GTEST_SKIP() << "an emulator shows its host's /proc/cpuinfo";
  const std::string features = text.substr(begin, text.find('\n', begin) - begin) + ' ';
  const CpuTiers tiers = decide_tiers(read_cpu_registers());
  EXPECT_EQ(tiers.neon, features.find(" asimd ") != std::string::npos);
  EXPECT_EQ(tiers.neon_dotprod, features.find(" asimddp ") != std::string::npos);
  EXPECT_EQ(tiers.neon_i8mm, features.find(" i8mm ") != std::string::npos);
}
#endif

}  // namespace
}  // namespace onebit
