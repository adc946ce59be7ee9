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

// config.json of tiny_safetensors(): key and JSON, in order.
std::vector<std::pair<std::string, std::string>> tiny_config();
std::string json_object(const std::vector<std::pair<std::string, std::string>>& fields);

// tokenizer.json of tiny_safetensors().
std::string tiny_tokenizer();

// The files of a model folder around these weights: model.safetensors, config.json, tokenizer.json.
std::vector<std::pair<std::string, std::string>> hf_folder(
    std::string model, std::string config = json_object(tiny_config()),
    std::string tokenizer = tiny_tokenizer());

}  // namespace onebit::malformed
