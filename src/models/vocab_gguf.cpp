#include "models/vocab_gguf.h"

#include "text/pre_tokenizer.h"

namespace onebit {
namespace {

int32_t token_id(const GgufMetadata& metadata, const std::string& key, std::size_t n_tokens) {
  const int64_t id = metadata.get_int_or(key, -1);
  if (id < -1 || id >= static_cast<int64_t>(n_tokens)) {
    throw Error(ErrorCode::kInvalidFile, "metadata key " + quote(key) + ": expected an id below " +
                                             std::to_string(n_tokens) + ", found " +
                                             std::to_string(id));
  }
  return static_cast<int32_t>(id);
}

}  // namespace

void write_vocab(const Vocab& vocab, GgufMetadata& metadata) {
  const std::string t = "tokenizer.ggml.";
  metadata.set(t + "model", std::string("gpt2"));
  metadata.set(t + "pre", vocab.pre);
  metadata.set(t + "tokens", vocab.tokens);
  metadata.set(t + "token_type", vocab.types);
  metadata.set(t + "merges", vocab.merges);
  metadata.set(t + "add_bos_token", vocab.add_bos);
  if (vocab.bos_id >= 0) metadata.set(t + "bos_token_id", static_cast<uint32_t>(vocab.bos_id));
  if (vocab.eos_id >= 0) metadata.set(t + "eos_token_id", static_cast<uint32_t>(vocab.eos_id));
}

Vocab read_vocab(const GgufMetadata& metadata) {
  const std::string t = "tokenizer.ggml.";
  const std::string& model = metadata.get_string(t + "model");
  if (model != "gpt2") {
    throw Error(ErrorCode::kUnsupported,
                "metadata key '" + t + "model': expected gpt2, found " + quote(model));
  }
  Vocab vocab;
  vocab.tokens = metadata.get_strings(t + "tokens");
  const std::size_t n = vocab.tokens.size();
  const auto* types = metadata.find_array<int32_t>(t + "token_type");
  vocab.types = types != nullptr ? *types : std::vector<int32_t>(n, 1);
  if (vocab.types.size() != n) {
    throw Error(ErrorCode::kInvalidFile, "metadata key '" + t + "token_type': expected " +
                                             std::to_string(n) + " elements, found " +
                                             std::to_string(vocab.types.size()));
  }
  vocab.merges = metadata.get_strings(t + "merges");
  const bool is_2b4t = n == 128256 && metadata.find(t + "pre") == nullptr &&
                       metadata.get_string("general.architecture").starts_with("bitnet");
  vocab.pre = metadata.get_string_or(t + "pre", is_2b4t ? "llama-bpe" : "default");
  vocab.bos_id = token_id(metadata, t + "bos_token_id", n);
  vocab.eos_id = token_id(metadata, t + "eos_token_id", n);
  const int32_t eot = token_id(metadata, t + "eot_token_id", n);
  for (const int32_t id : {eot, is_2b4t ? 128009 : -1}) {
    if (id >= 0) vocab.stop_ids.push_back(id);
  }
  const auto& pre = find_pre_tokenizer(vocab.pre);
  vocab.ignore_merges = pre.ignore_merges;
  vocab.add_bos = metadata.get_bool_or(t + "add_bos_token", pre.add_bos);
  vocab.chat_template = metadata.get_string_or("tokenizer.chat_template", "");
  return vocab;
}

}  // namespace onebit
