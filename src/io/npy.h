// NumPy's .npy: one array with its shape. For golden data, and to hand logits to other tools.
// Format: numpy.lib.format (versions 1.0 to 3.0 read, 1.0 written).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace onebit {

template <typename T>
struct NpyArray {
  std::vector<int64_t> shape;  // empty: a scalar; at most 8 dims, each >= 0
  std::vector<T> values;       // C order, product of shape
};

// Reads an array of exactly T: float (<f4), double (<f8), int32_t (<i4) or int8_t (|i1).
// Throws Error(kInvalidFile) "PATH: field: expected, found" (also for another dtype, Fortran order
// and trailing bytes), Error(kIo).
template <typename T>
NpyArray<T> read_npy(const std::filesystem::path& path);

// The same from memory; `name` stands for the path in messages.
template <typename T>
NpyArray<T> parse_npy(std::span<const uint8_t> bytes, const std::string& name);

// Writes `values` (C order) atomically. The product of `shape` must be their count (ONEBIT_CHECK).
// Throws Error(kIo).
void write_npy(const std::filesystem::path& path, std::span<const int64_t> shape,
               std::span<const float> values);

}  // namespace onebit
