// From a file (or thin air) to a model that runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/file_weights.h"
#include "models/model.h"
#include "models/model_file.h"
#include "text/tokenizer.h"

namespace onebit {

struct LoadOptions {
  // Positions to prepare for; 0: the model's own max_seq_len, at most 4096.
  int64_t context = 0;
  // How activations enter ternary and binary weights; absent: as the model was trained. kF32 is
  // exact and slow.
  std::optional<ActQuant> activations = {};
  Head head = Head::kInt8;
  ThreadPool* pool = nullptr;  // packs the weights; null: the caller's thread does
  bool triples = false;        // as EngineOptions::triples
  // That will run the model; null: any. No result depends on it, only which packings it may have.
  const Kernels* kernels = nullptr;
};

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::unique_ptr<Tokenizer> tokenizer;
};

// The vocabulary of a file, checked and working. Throws as load_model.
std::unique_ptr<Tokenizer> load_tokenizer(const ModelFile& file);

// Throws Error: one line that names the file, the field or tensor, the expected and the found.
LoadedModel load_model(const ModelFile& file, const LoadOptions& options = {});

// The model's shape and choices, checked. `file` must have a vocabulary of n_vocab tokens.
ModelConfig load_config(const ModelFile& file, int64_t n_vocab, const LoadOptions& options = {});

}  // namespace onebit
