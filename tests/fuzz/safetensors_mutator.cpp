// Damages the JSON of a safetensors file and lets the header length follow, then the data: without
// this nearly every mutant dies on one of the two.
#include <algorithm>
#include <string>

#include "fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  uint64_t header = 0;
  if (size > 8) std::memcpy(&header, data, 8);
  if (size <= 8 || header > size - 8 || seed % 4 == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::string json(reinterpret_cast<const char*>(data) + 8, header);
  const std::string rest(data + 8 + header, data + size);
  json.resize(header + 64);
  json.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(json.data()), header, json.size()));
  header = json.size();
  const std::string bytes = std::string(reinterpret_cast<const char*>(&header), 8) + json + rest;
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
