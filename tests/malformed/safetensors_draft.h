// A small model as a Hugging Face folder, in parts that a test can spoil.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace onebit::malformed {

struct SafetensorsPart {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::string data;
};

struct SafetensorsImage {
  std::vector<SafetensorsPart> tensors;
  std::string header;  // JSON
  std::string data;
};

SafetensorsImage safetensors_image(std::vector<SafetensorsPart> tensors);
SafetensorsImage tiny_safetensors();

// The files of a model folder around these weights: model.safetensors first.
std::vector<std::pair<std::string, std::string>> hf_folder(std::string model);

}  // namespace onebit::malformed
