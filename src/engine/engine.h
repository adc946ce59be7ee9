// A loaded model with its threads: sequences run on it one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "models/loader.h"
#include "models/model.h"
#include "ops/context.h"
#include "text/tokenizer.h"

namespace onebit {

struct EngineOptions {
  int threads = 0;                           // 0: default_threads()
  int64_t context = 0;                       // 0: the model's max_seq_len, at most 4096
  int64_t prefill_chunk = 256;               // tokens per forward pass of a prompt
  std::string isa = "";                      // instruction set; empty: ONEBIT_ISA, else the best
  std::optional<ActQuant> activations = {};  // absent: as the model was trained
  std::optional<KvType> kv = {};             // of keys and values; absent: ModelConfig::kv_type()
  Head head = Head::kInt8;                   // of floats; kExact costs their bytes for every token
  // Ternary matrices with one scale a row take 5 bits for 3 weights in memory in place of 6. The
  // same bits come out; which is faster depends on the machine (bench/NOTES.md).
  bool triples = false;
  bool pin = false;  // threads stay on a core each
};

class Sequence;

class Engine {
 public:
  // Packs the weights of a model. Throws Error.
  explicit Engine(const ModelFile& file, const EngineOptions& options = {});
  // A model without a vocabulary (benchmarks).
  Engine(std::unique_ptr<Model> model, const EngineOptions& options);

  const Model& model() const { return *loaded_.model; }
  const ModelConfig& config() const { return model().config(); }
  bool has_tokenizer() const { return loaded_.tokenizer != nullptr; }
  const Tokenizer& tokenizer() const { return *loaded_.tokenizer; }
  int threads() const { return pool_.size(); }
  const char* isa() const { return kernels_.isa; }
  int64_t prefill_chunk() const { return workspace_.max_tokens; }
  ThreadPool& pool() { return pool_; }
  // Blocks of keys and values of all sequences.
  const KvPool& kv_pool() const { return kv_pool_; }
  KvPool& kv_pool() { return kv_pool_; }

  // Continuous batching: tokens (>= 1) that a sequence gets next.
  struct Append {
    Sequence* sequence;
    std::span<const int32_t> tokens;
    bool wants_logits = true;
  };
  // Appends to several sequences, each named once, in common forward passes. Returns the logits of
  // the last token of each one that wants them [n][vocab_size], or what else is asked for of every
  // token of all [M][vocab_size or hidden_size], valid until the next call: the same bits as from
  // Sequence::append, append_all and append_hidden. Throws as these; no sequence is changed by what
  // is wrong with the tokens or too much for the pool.
  std::span<const float> append_batch(std::span<const Append> batch,
                                      Model::Output output = Model::Output::kLastLogits);

 private:
  friend class Sequence;
  // Floats of a row of output.
  int64_t width(Model::Output output) const {
    return output == Model::Output::kHidden ? config().hidden_size : config().vocab_size;
  }
  // The forward passes: `out` takes the rows of output.
  void run(std::span<const Append> batch, Model::Output output, float* out);
  // Loads on the engine's own threads.
  Engine(const EngineOptions& options, const std::function<LoadedModel(ThreadPool&)>& load);

  ThreadPool pool_;
  const Kernels& kernels_;
  LoadedModel loaded_;
  Workspace workspace_;
  KvPool kv_pool_;
  std::vector<int32_t> tokens_;    // of a forward pass
  std::vector<Segment> segments_;  // of a forward pass
  AlignedBuffer<float> rows_;      // of append_batch
};

// One stream of tokens with its keys and values.
class Sequence {
 public:
  // Keys and values are taken from the engine's pool as the sequence grows.
  explicit Sequence(Engine& engine);

  int64_t length() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t capacity() const { return engine_.model().context(); }
  const Engine& engine() const { return engine_; }
  // The tokens appended so far [length].
  std::span<const int32_t> tokens() const { return tokens_; }
  // Forgets all but the first `length` tokens; what follows is as if they had never been there.
  void truncate(int64_t length);
  void clear() { truncate(0); }

  // The blocks of the pool that hold its keys and values, 64 positions each, the last maybe in
  // part.
  std::span<const int32_t> blocks() const { return kv_.block_ids(); }
  // Blocks that n more tokens would take, and taking them now. Throws Error(kOutOfMemory); nothing
  // is changed then.
  int64_t blocks_needed(int64_t n) const { return kv_.blocks_needed(length() + n); }
  void reserve(int64_t n) { kv_.reserve(length() + n); }
  // Becomes `tokens`, 64 for each of these full blocks, which hold their keys and values already.
  void share(std::span<const int32_t> tokens, std::span<const int32_t> full_blocks);
  // Holds `block` in place of blocks()[i]: another's, of the same tokens after the same tokens.
  void replace_block(int64_t i, int32_t block) { kv_.replace(i, block); }

  // Appends tokens (>= 1) in chunks. Returns the logits of the last one [vocab_size], valid until
  // the next call. Throws Error(kInvalidArgument) for an id outside the vocabulary or when the
  // context is full, Error(kOutOfMemory); the sequence is unchanged then.
  std::span<const float> append(std::span<const int32_t> tokens);
  // The same with the logits of every token, handed chunk by chunk to
  // visit(first token index, logits [n, vocab_size]).
  void append_all(std::span<const int32_t> tokens,
                  const std::function<void(int64_t first, std::span<const float>)>& visit);
  // The same with hidden states after the output norm: [n, hidden_size].
  void append_hidden(std::span<const int32_t> tokens,
                     const std::function<void(int64_t first, std::span<const float>)>& visit);

 private:
  friend class Engine;
  // Checks tokens and makes room for their keys and values.
  void prepare(std::span<const int32_t> tokens);
  void advance(std::span<const int32_t> tokens);  // they have been run
  void append_chunks(std::span<const int32_t> tokens, Model::Output output, int64_t width,
                     const std::function<void(int64_t first, std::span<const float>)>& visit);

  Engine& engine_;
  std::vector<int32_t> tokens_;
  KvCache kv_;
  // Logits [1 or chunk, vocab_size], or hidden states; none where append_batch alone is used.
  AlignedBuffer<float> out_;
};

}  // namespace onebit
