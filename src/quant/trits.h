// Five ternary digits in a byte, the code of TQ1_0, PTQ1_0 and IQ1_BN.
//
// The digits t0 (most significant) to t4, each 0, 1 or 2, make v = 81 t0 + 27 t1 + 9 t2 + 3 t3 + t4
// < 243 = 3^5, and the byte is ceil(256 v / 243): v / 243 as a fraction of 256. Multiplying the
// byte by 3^n modulo 256 drops the digits before t_n, and the integer part of three times what is
// left is t_n, so decoding needs no division. All 256 bytes decode; 13 of them are never written.
#pragma once

#include <cstdint>

namespace onebit {

// Codes (digit - 1) of `byte`: codes[n * stride] for n < count <= 5.
inline void unpack_trits(uint8_t byte, int count, int64_t stride, int8_t* codes) {
  for (int n = 0; n < count; ++n) {
    codes[n * stride] = static_cast<int8_t>((byte * 3 >> 8) - 1);
    byte = static_cast<uint8_t>(byte * 3);
  }
}

// The inverse. With count < 5 the missing digits are 0.
inline uint8_t pack_trits(const int8_t* codes, int count, int64_t stride) {
  int value = 0;
  for (int n = 0; n < 5; ++n) value = 3 * value + (n < count ? codes[n * stride] + 1 : 0);
  return static_cast<uint8_t>((256 * value + 242) / 243);
}

// A stage of ggml's layouts: `n_bytes` bytes that hold n_bytes * count codes, digit n of byte m
// being code n * n_bytes + m, so that a vector of bytes gives neighbours digit by digit.
inline void unpack_trit_stage(const uint8_t* bytes, int n_bytes, int count, int8_t* codes) {
  for (int m = 0; m < n_bytes; ++m) unpack_trits(bytes[m], count, n_bytes, codes + m);
}

inline void pack_trit_stage(const int8_t* codes, int n_bytes, int count, uint8_t* bytes) {
  for (int m = 0; m < n_bytes; ++m) bytes[m] = pack_trits(codes + m, count, n_bytes);
}

}  // namespace onebit
