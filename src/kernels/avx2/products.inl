// Products of bytes and int8 activations, four neighbouring columns to a 32-bit lane: all that AVX2
// and AVX-VNNI differ in. 32 bytes are 8 rows x 4 columns.
//
// vpdpbusd (AVX-VNNI) multiplies unsigned bytes by activations and adds all four products to the
// lane's int32. AVX2 takes vpmaddubsw, which leaves two int16 sums in the lane and saturates:
//   small codes: these sums add up for a run of columns, as far as int16 holds them, then vpmaddwd
//     by 1 makes one int32 of the two.
//   int8 weights: w = byte - 128 is taken as |w|, unsigned, and its sign goes to the activation, so
//     that a pair of products, at most 2 * 127 * 127 = 32,258, fits; each is widened at once.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "kernels/matmul.inl"

namespace onebit {
namespace {

ONEBIT_INLINE __m256i load256(const void* p) {
  return _mm256_load_si256(static_cast<const __m256i*>(p));
}

ONEBIT_INLINE __m256i broadcast4(const uint8_t* bytes) {
  int32_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return _mm256_set1_epi32(word);
}

#if defined(__AVXVNNI__)

constexpr bool kVnni = true;
constexpr int64_t kNoLimit = int64_t{1} << 40;

// Sums of products, from start(int32 sums so far) over at most kRun columns to finish(sums, run).
struct SmallProducts {
  static constexpr int64_t kRun = kNoLimit;

  ONEBIT_INLINE __m256i load(const uint8_t* codes) { return load256(codes); }
  ONEBIT_INLINE __m256i start(__m256i sums) { return sums; }
  ONEBIT_INLINE __m256i add(__m256i run, __m256i codes, __m256i acts) {
    return _mm256_dpbusd_avx_epi32(run, codes, acts);
  }
  ONEBIT_INLINE __m256i finish(__m256i, __m256i run) { return run; }
  // Two runs from 0, the second on codes times 4.
  ONEBIT_INLINE __m256i join(__m256i run, __m256i run4) {
    return _mm256_add_epi32(run, _mm256_srai_epi32(run4, 2));
  }
};

// Raw sums of w + 128.
struct Int8Products : SmallProducts {
  static constexpr int32_t kSumFactor = -128;

  ONEBIT_INLINE __m256i correct(__m256i raw, __m256i act_sums) {
    return _mm256_sub_epi32(raw, _mm256_slli_epi32(act_sums, 7));
  }
};

#else

constexpr bool kVnni = false;

ONEBIT_INLINE __m256i add_pairs(__m256i pairs) {
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// Codes of at most 2 in 256 columns, 128 products in each int16: 128 * 2 * 127 = 32,512.
struct SmallProducts {
  static constexpr int64_t kRun = 256;

  ONEBIT_INLINE __m256i load(const uint8_t* codes) { return load256(codes); }
  ONEBIT_INLINE __m256i start(__m256i) { return _mm256_setzero_si256(); }
  ONEBIT_INLINE __m256i add(__m256i run, __m256i codes, __m256i acts) {
    return _mm256_add_epi16(run, _mm256_maddubs_epi16(codes, acts));
  }
  ONEBIT_INLINE __m256i finish(__m256i sums, __m256i run) {
    return _mm256_add_epi32(sums, add_pairs(run));
  }
  ONEBIT_INLINE __m256i join(__m256i run, __m256i run4) {
    return add_pairs(_mm256_add_epi16(run, _mm256_srai_epi16(run4, 2)));
  }
};

// Raw sums are dots.
struct Int8Products {
  static constexpr int64_t kRun = int64_t{1} << 40;
  static constexpr int32_t kSumFactor = 0;

  struct Weights {
    __m256i values;
    __m256i sizes;
  };
  ONEBIT_INLINE Weights load(const uint8_t* codes) {
    const __m256i values = _mm256_xor_si256(load256(codes), _mm256_set1_epi8(-128));
    return {values, _mm256_abs_epi8(values)};
  }
  ONEBIT_INLINE __m256i start(__m256i sums) { return sums; }
  ONEBIT_INLINE __m256i add(__m256i run, Weights w, __m256i acts) {
    const __m256i pairs = _mm256_maddubs_epi16(w.sizes, _mm256_sign_epi8(acts, w.values));
    return _mm256_add_epi32(run, add_pairs(pairs));
  }
  ONEBIT_INLINE __m256i finish(__m256i, __m256i run) { return run; }
  ONEBIT_INLINE __m256i correct(__m256i raw, __m256i) { return raw; }
};

#endif

}  // namespace
}  // namespace onebit
