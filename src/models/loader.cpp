#include "models/loader.h"

#include <algorithm>
#include <cmath>

#include "models/architectures.h"
#include "models/decoder.h"
#include "models/file_weights.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

constexpr int64_t kDefaultContext = 4096;

// Formats with a scale for every few columns hold models whose weights alone were quantised, after
// or without training (Bonsai); activations then keep more than int8 per token gives. BitNets have
// one scale a tensor, which the TQ formats of llama.cpp repeat every 256 columns.
bool is_weight_only(const ModelFile& file) {
  const ModelTensor* t = file.find("blk.0.ffn_down.weight");
  if (t == nullptr) return false;
  return t->at_load == AtLoad::kGroups128 || (t->format->weight_class != WeightClass::kFloat &&
                                              t->format->group > 0 && t->format->group <= 128);
}

// Errors of what knows no file, with the file's name in front.
template <typename F>
auto named(const ModelFile& file, F f) try {
  return f();
} catch (const Error& e) {
  throw Error(e.code(), file.name() + ": " + e.what());
}

// Of embedding models.
Pooling read_pooling(const ModelFile& file, ModelConfig& config) {
  constexpr int64_t kLast = 3;  // of llama.cpp's pooling types
  const int64_t type = file.metadata().get_int_or(config.architecture + ".pooling_type", 0);
  if (type == kLast) return Pooling::kLast;
  // The converter of BitNet-embedding writes 1 (mean) when it misses a file of the checkpoint.
  if (type == 0 || !config.projection_norms) return Pooling::kNone;
  config.quirks.push_back("pooling_type " + std::to_string(type) +
                          " of a BitNet embedding model: the last token, as it was trained");
  return Pooling::kLast;
}

ModelConfig read_checked_config(const ModelFile& file, int64_t n_vocab,
                                const LoadOptions& options) {
  const auto& architecture = find_architecture(file.metadata().get_string("general.architecture"));
  ModelConfig config = architecture.read_config(file.metadata());
  config.vocab_size = n_vocab;
  config.projection_norms = file.find("blk.0.attn_q_norm_in.weight") != nullptr;
  config.pooling = read_pooling(file, config);
  if (options.activations) {
    config.act_quant = *options.activations;
  } else if (file.metadata().find(kActQuantKey) == nullptr && is_weight_only(file)) {
    config.act_quant = ActQuant::kInt8Group;
  }
  check_config(config, architecture.name);
  return config;
}

}  // namespace

ModelConfig load_config(const ModelFile& file, int64_t n_vocab, const LoadOptions& options) {
  return named(file, [&] { return read_checked_config(file, n_vocab, options); });
}

std::unique_ptr<Tokenizer> load_tokenizer(const ModelFile& file) {
  return named(file, [&] { return std::make_unique<Tokenizer>(read_vocab(file.metadata())); });
}

LoadedModel load_model(const ModelFile& file, const LoadOptions& options) {
  LoadedModel loaded;
  loaded.tokenizer = load_tokenizer(file);
  const ModelConfig config = load_config(file, loaded.tokenizer->n_vocab(), options);
  loaded.model = named(file, [&] {
    if (options.context < 0 || options.context > config.max_seq_len) {
      throw Error(ErrorCode::kInvalidArgument, "context: expected 1.." +
                                                   std::to_string(config.max_seq_len) + ", found " +
                                                   std::to_string(options.context));
    }
    const int64_t context =
        options.context > 0 ? options.context : std::min(config.max_seq_len, kDefaultContext);
    FileWeights weights(
        file, options.head,
        {.pool = options.pool, .triples = options.triples, .kernels = options.kernels});
    return make_decoder(config, weights, context);
  });
  return loaded;
}

}  // namespace onebit
