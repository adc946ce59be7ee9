// binary16 in vectors. Hardware and the generic forms agree on every number; they may differ in the
// payload of a NaN.

#pragma once

#include "kernels/vector.inl"

namespace onebit {
namespace {

// Exact: the exponent is rebased by a multiplication, which also normalises subnormals; infinities
// and NaNs get their exponent back.
ONEBIT_INLINE V from_f16_generic(VI h) {
  const VI magnitude = (h & 0x7fff) << 13;
  V value;
  memcpy(&value, &magnitude, sizeof value);
  value = value * 0x1p112f;
  VI bits;
  memcpy(&bits, &value, sizeof bits);
  const VI special = magnitude >= 0x0f800000;
  bits = (bits | (special & 0x7f800000)) | ((h & 0x8000) << 16);
  memcpy(&value, &bits, sizeof value);
  return value;
}

// To nearest, ties to even; past 65504 infinity. As base/half.h, where the steps are explained.
ONEBIT_INLINE VH to_f16_generic(V v) {
  VI bits;
  memcpy(&bits, &v, sizeof bits);
  const VI magnitude = bits & 0x7fffffff;
  const V aligned = v < 0.0f ? 0.5f - v : v + 0.5f;
  VI subnormal;
  memcpy(&subnormal, &aligned, sizeof subnormal);
  VI h = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
  h = magnitude < 0x38800000 ? subnormal - 0x3f000000 : h;
  h = magnitude >= 0x477ff000 ? VI{} + 0x7c00 : h;
  h = magnitude > 0x7f800000 ? VI{} + 0x7e00 : h;
  return __builtin_convertvector(h | (bits >> 16 & 0x8000), VH);
}

ONEBIT_INLINE V from_f16(VH h) {
#if defined(__AVX512F__)
  __m256i x;
  memcpy(&x, &h, sizeof x);
  return _mm512_cvtph_ps(x);
#elif defined(__F16C__)
  __m128i x[2];
  memcpy(x, &h, sizeof x);
  const __m256 y[2] = {_mm256_cvtph_ps(x[0]), _mm256_cvtph_ps(x[1])};
  V v;
  memcpy(&v, y, sizeof v);
  return v;
#elif defined(__aarch64__)
  uint16x4_t x[4];
  memcpy(x, &h, sizeof x);
  float32x4_t y[4];
  for (int i = 0; i < 4; ++i) y[i] = vcvt_f32_f16(vreinterpret_f16_u16(x[i]));
  V v;
  memcpy(&v, y, sizeof v);
  return v;
#else
  return from_f16_generic(__builtin_convertvector(h, VI));
#endif
}

ONEBIT_INLINE VH to_f16(V v) {
#if defined(__AVX512F__)
  const __m256i x = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  VH h;
  memcpy(&h, &x, sizeof h);
  return h;
#elif defined(__F16C__)
  __m256 x[2];
  memcpy(x, &v, sizeof x);
  const __m128i y[2] = {_mm256_cvtps_ph(x[0], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                        _mm256_cvtps_ph(x[1], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  VH h;
  memcpy(&h, y, sizeof h);
  return h;
#elif defined(__aarch64__)
  float32x4_t x[4];
  memcpy(x, &v, sizeof x);
  uint16x4_t y[4];
  for (int i = 0; i < 4; ++i) y[i] = vreinterpret_u16_f16(vcvt_f16_f32(x[i]));
  VH h;
  memcpy(&h, y, sizeof h);
  return h;
#else
  return to_f16_generic(v);
#endif
}

}  // namespace
}  // namespace onebit
