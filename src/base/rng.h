// Random numbers that are the same on every machine.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/portable_math.h"

namespace onebit {

// SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters every input bit. Stateless, so
// hash(seed, index) is a random sequence that can be entered anywhere.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A stream of mix64 values.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(mix64(seed)) {}

  uint64_t next() {
    const uint64_t value = mix64(state_);
    state_ += 0x9e3779b97f4a7c15u;
    return value;
  }

  // Uniform in [0, n), n > 0. The bias is below n / 2^64.
  uint64_t below(uint64_t n) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(next()) * n >> 64);
  }

  // Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // Standard normal (Box-Muller, one value per pair of draws).
  double normal() {
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * portable_log(u)) * portable_sin_cos(6.283185307179586 * uniform()).cos;
  }

 private:
  uint64_t state_;
};

}  // namespace onebit
