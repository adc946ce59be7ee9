// From a file (or thin air) to a model that runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/gguf.h"
#include "models/model.h"
#include "text/tokenizer.h"

namespace onebit {

struct LoadOptions {
  // Positions to prepare for; 0: the model's own max_seq_len, at most 4096.
  int64_t context = 0;
};

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::unique_ptr<Tokenizer> tokenizer;
};

// The vocabulary of a file, checked and working. Throws as load_model.
std::unique_ptr<Tokenizer> load_tokenizer(const GgufFile& file);

// Throws Error: one line that names the file, the field or tensor, the expected and the found.
LoadedModel load_model(const GgufFile& file, const LoadOptions& options);

// One tensor as `onebit inspect` shows it.
struct TensorInfo {
  std::string name;
  std::string type;
  std::vector<int64_t> shape;  // as in the file: row length first
  int64_t bytes;
  double bits_per_weight;
};

// Every tensor of the file, with its size checked against the format and the file.
std::vector<TensorInfo> list_tensors(const GgufFile& file);

}  // namespace onebit
