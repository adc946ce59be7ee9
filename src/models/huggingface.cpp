#include "models/huggingface.h"

#include <utility>

#include "io/safetensors.h"
#include "models/huggingface_config.h"
#include "models/huggingface_tensors.h"
#include "vocab/folder.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

// Embeddings often have more rows than there are tokens: the rest are tokens that nobody uses, as
// llama.cpp's converters name them.
void pad(Vocab& vocab, int64_t n_rows) {
  const std::size_t n = vocab.tokens.size();
  const auto rows = static_cast<std::size_t>(n_rows);
  if (n > rows) {
    throw Error(ErrorCode::kInvalidFile, "vocab_size: expected at least the " + std::to_string(n) +
                                             " tokens of the tokenizer, found " +
                                             std::to_string(n_rows));
  }
  for (std::size_t id = n; id < rows; ++id) {
    vocab.tokens.push_back("[PAD" + std::to_string(id) + "]");
  }
  vocab.types.resize(rows, static_cast<int32_t>(TokenType::kUnused));
  if (!vocab.scores.empty()) vocab.scores.resize(rows);
  if (!vocab.strip.empty()) vocab.strip.resize(rows);
}

}  // namespace

ModelFile open_huggingface_model(const std::filesystem::path& folder) try {
  HuggingfaceConfig config = read_huggingface_config(folder);
  ModelFile::Contents model{.name = folder.string(),
                            .container = "Hugging Face folder",
                            .metadata = {},
                            .tensors = {},
                            .quirks = {},
                            .files = {}};
  const auto files = SafetensorsFolder::open(folder);
  if (files.files().size() > 1) {
    model.container += ", " + std::to_string(files.files().size()) + " shards";
  }
  add_tensors(files, config, model);
  model.metadata = to_metadata(config);
  Vocab vocab = read_vocab_folder(folder);
  pad(vocab, config.model.vocab_size);
  write_vocab(vocab, model.metadata);
  return ModelFile(std::move(model));
} catch (const Error& e) {
  const std::string what = e.what();  // errors of its files begin with their paths
  throw Error(e.code(), what.starts_with(folder.string()) ? what : folder.string() + ": " + what);
}

}  // namespace onebit
