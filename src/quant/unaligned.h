// Numbers at any address of a tensor: disk formats align nothing.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace onebit {

static_assert(std::endian::native == std::endian::little, "fields are copied, not swapped");

template <typename T>
T load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void store(uint8_t* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

inline float load_f16(const uint8_t* from) {
  return f16_to_f32(load<uint16_t>(from));
}

}  // namespace onebit
