// binary16 in vectors. Hardware and the generic forms agree on every number; they may differ in the
// payload of a NaN.

#pragma once

#include "kernels/native.inl"

namespace onebit {
namespace {

// Exact: the exponent is rebased by a multiplication, which also normalises subnormals; infinities
// and NaNs get their exponent back.
ONEBIT_INLINE N from_f16_generic(NI h) {
  const NI magnitude = (h & 0x7fff) << 13;
  N value;
  memcpy(&value, &magnitude, sizeof value);
  value = value * 0x1p112f;
  NI bits;
  memcpy(&bits, &value, sizeof bits);
  const NI special = magnitude >= 0x0f800000;
  bits = (bits | (special & 0x7f800000)) | ((h & 0x8000) << 16);
  memcpy(&value, &bits, sizeof value);
  return value;
}

// To nearest, ties to even; past 65504 infinity. As base/half.h, where the steps are explained.
ONEBIT_INLINE NH to_f16_generic(N v) {
  NI bits;
  memcpy(&bits, &v, sizeof bits);
  const NI magnitude = bits & 0x7fffffff;
  const N aligned = v < 0.0f ? 0.5f - v : v + 0.5f;
  NI subnormal;
  memcpy(&subnormal, &aligned, sizeof subnormal);
  NI h = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
  h = magnitude < 0x38800000 ? subnormal - 0x3f000000 : h;
  h = magnitude >= 0x477ff000 ? NI{} + 0x7c00 : h;
  h = magnitude > 0x7f800000 ? NI{} + 0x7e00 : h;
  return __builtin_convertvector(h | (bits >> 16 & 0x8000), NH);
}

ONEBIT_INLINE N from_f16(NH h) {
#if defined(__AVX512F__)
  __m256i x;
  memcpy(&x, &h, sizeof x);
  return _mm512_cvtph_ps(x);
#elif defined(__F16C__)
  __m128i x;
  memcpy(&x, &h, sizeof x);
  return _mm256_cvtph_ps(x);
#elif defined(__aarch64__)
  return vcvt_f32_f16(vreinterpret_f16_u16(h));
#else
  return from_f16_generic(__builtin_convertvector(h, NI));
#endif
}

ONEBIT_INLINE NH to_f16(N v) {
#if defined(__AVX512F__)
  const __m256i x = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__F16C__)
  const __m128i x = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
  const uint16x4_t x = vreinterpret_u16_f16(vcvt_f16_f32(v));
#else
  const NH x = to_f16_generic(v);
#endif
  NH h;
  memcpy(&h, &x, sizeof h);
  return h;
}

// kNative f32, f16 or int8 as f32.
ONEBIT_INLINE N widen(const float* p) {
  return load_native(p);
}

ONEBIT_INLINE N widen(const uint16_t* p) {
  NH h;
  memcpy(&h, p, sizeof h);
  return from_f16(h);
}

ONEBIT_INLINE N widen(const int8_t* p) {
#if defined(__AVX512F__)
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q));
#elif defined(__FMA__)
  const __m128i q = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
#else
  NB q;
  memcpy(&q, p, sizeof q);
  return __builtin_convertvector(q, N);
#endif
}

}  // namespace
}  // namespace onebit
