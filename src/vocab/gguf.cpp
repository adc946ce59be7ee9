#include "vocab/gguf.h"

#include <cmath>

#include "text/pre_tokenizer.h"
#include "vocab/checks.h"

namespace onebit {
namespace {

std::string ggml(const char* name) {
  return std::string("tokenizer.ggml.") + name;
}

// Keys that only this program writes.
std::string own(const char* name) {
  return std::string("onebit.tokenizer.") + name;
}

constexpr const char* kTemplate = "tokenizer.chat_template";
constexpr const char* kSpecialIds[] = {"eot_token_id", "eom_token_id"};  // the stop ids of GGUF

[[noreturn]] void fail(const std::string& key, const std::string& expected,
                       const std::string& found, ErrorCode code = ErrorCode::kInvalidFile) {
  throw Error(code, "metadata key " + quote(key) + ": expected " + expected + ", found " + found);
}

int32_t checked_id(const std::string& key, int64_t id, std::size_t n_tokens) {
  if (id < -1 || id >= static_cast<int64_t>(n_tokens)) {
    fail(key, "an id below " + std::to_string(n_tokens), std::to_string(id));
  }
  return static_cast<int32_t>(id);
}

// An array with one element per token.
template <typename T>
std::vector<T> per_token(const GgufMetadata& metadata, const std::string& key,
                         std::size_t n_tokens) {
  const std::vector<T>* values = metadata.find_array<T>(key);
  if (values == nullptr) fail(key, "an array", "no such key");
  if (values->size() != n_tokens) {
    fail(key, std::to_string(n_tokens) + " elements", std::to_string(values->size()));
  }
  return *values;
}

VocabModel read_model(const GgufMetadata& metadata) {
  const std::string key = ggml("model");
  const std::string& model = metadata.get_string(key);
  if (model == "gpt2") return VocabModel::kBpe;
  if (model == "llama") return VocabModel::kSpm;
  fail(key, "gpt2 or llama", quote(model), ErrorCode::kUnsupported);
}

void read_bpe(const GgufMetadata& metadata, bool is_2b4t, Vocab& vocab) {
  vocab.merges = metadata.get_strings(ggml("merges"));
  vocab.pre = metadata.get_string_or(ggml("pre"), is_2b4t ? "llama-bpe" : "default");
  const PreTokenizerSpec& pre = find_pre_tokenizer(vocab.pre);
  vocab.ignore_merges = metadata.get_bool_or(own("ignore_merges"), pre.ignore_merges);
  vocab.add_bos = pre.add_bos;
}

void read_spm(const GgufMetadata& metadata, Vocab& vocab) {
  const std::string key = ggml("scores");
  vocab.scores = per_token<float>(metadata, key, vocab.tokens.size());
  for (const float score : vocab.scores) {
    if (!std::isfinite(score)) fail(key, "finite scores", std::to_string(score));
  }
  vocab.add_space_prefix = metadata.get_bool_or(ggml("add_space_prefix"), true);
  if (metadata.get_bool_or(ggml("remove_extra_whitespaces"), false)) {
    fail(ggml("remove_extra_whitespaces"), "false", "true", ErrorCode::kUnsupported);
  }
  vocab.add_bos = true;
}

void read_ids(const GgufMetadata& metadata, bool is_2b4t, Vocab& vocab) {
  const std::size_t n = vocab.tokens.size();
  const auto id_of = [&](const char* name) {
    const std::string key = ggml(name);
    return checked_id(key, metadata.get_int_or(key, -1), n);
  };
  vocab.bos_id = id_of("bos_token_id");
  vocab.eos_id = id_of("eos_token_id");
  vocab.unk_id = id_of("unknown_token_id");
  id_of("padding_token_id");  // only checked: nothing here pads
  for (const char* name : kSpecialIds) vocab::add_stop(vocab, id_of(name));
  if (is_2b4t) vocab::add_stop(vocab, 128009);
  const std::string key = own("stop_token_ids");
  if (const auto* more = metadata.find_array<int32_t>(key)) {
    if (more->size() > n) {
      fail(key, "at most " + std::to_string(n) + " ids", std::to_string(more->size()));
    }
    std::vector<bool> known(n);
    for (const int32_t id : *more) {
      if (id < 0) fail(key, "an id from 0", std::to_string(id));
      const auto i = static_cast<std::size_t>(checked_id(key, id, n));
      if (known[i]) fail(key, "every id once", std::to_string(id) + " twice");
      known[i] = true;
    }
    vocab.stop_ids.insert(vocab.stop_ids.end(), more->begin(), more->end());
  }
  vocab.add_bos = metadata.get_bool_or(ggml("add_bos_token"), vocab.add_bos);
  vocab.add_eos = metadata.get_bool_or(ggml("add_eos_token"), false);
}

}  // namespace

void write_vocab(const Vocab& vocab, GgufMetadata& metadata) {
  const bool is_bpe = vocab.model == VocabModel::kBpe;
  metadata.set(ggml("model"), std::string(is_bpe ? "gpt2" : "llama"));
  metadata.set(ggml("pre"), vocab.pre);
  metadata.set(ggml("tokens"), vocab.tokens);
  metadata.set(ggml("token_type"), vocab.types);
  if (is_bpe) {
    metadata.set(ggml("merges"), vocab.merges);
    if (vocab.ignore_merges != find_pre_tokenizer(vocab.pre).ignore_merges) {
      metadata.set(own("ignore_merges"), vocab.ignore_merges);
    }
  } else {
    metadata.set(ggml("scores"), vocab.scores);
    metadata.set(ggml("add_space_prefix"), vocab.add_space_prefix);
  }
  metadata.set(ggml("add_bos_token"), vocab.add_bos);
  if (vocab.add_eos) metadata.set(ggml("add_eos_token"), true);
  const auto set_id = [&](const char* name, int32_t id) {
    if (id >= 0) metadata.set(ggml(name), static_cast<uint32_t>(id));
  };
  set_id("bos_token_id", vocab.bos_id);
  set_id("eos_token_id", vocab.eos_id);
  set_id("unknown_token_id", vocab.unk_id);
  const auto& stops = vocab.stop_ids;
  for (std::size_t i = 0; i < stops.size() && i < std::size(kSpecialIds); ++i) {
    set_id(kSpecialIds[i], stops[i]);
  }
  if (stops.size() > std::size(kSpecialIds)) {
    metadata.set(own("stop_token_ids"),
                 std::vector<int32_t>(stops.begin() + std::size(kSpecialIds), stops.end()));
  }
  if (!vocab.strip.empty()) metadata.set(own("strip"), vocab.strip);
  if (!vocab.chat_template.empty()) metadata.set(kTemplate, vocab.chat_template);
}

Vocab read_vocab(const GgufMetadata& metadata) {
  Vocab vocab;
  vocab.model = read_model(metadata);
  const bool is_bpe = vocab.model == VocabModel::kBpe;
  vocab.tokens = metadata.get_strings(ggml("tokens"));
  const std::size_t n = vocab.tokens.size();
  if (n > static_cast<std::size_t>(vocab::kMaxTokens)) {
    fail(ggml("tokens"), "at most " + std::to_string(vocab::kMaxTokens), std::to_string(n));
  }
  // Without types the byte tokens of SentencePiece would be texts: only BPE files may lack them.
  const std::string types = ggml("token_type");
  vocab.types = is_bpe && metadata.find(types) == nullptr
                    ? std::vector<int32_t>(n, static_cast<int32_t>(TokenType::kNormal))
                    : per_token<int32_t>(metadata, types, n);
  const bool is_2b4t = is_bpe && n == 128256 && metadata.find(ggml("pre")) == nullptr &&
                       metadata.get_string("general.architecture").starts_with("bitnet");
  if (is_bpe) {
    read_bpe(metadata, is_2b4t, vocab);
  } else {
    read_spm(metadata, vocab);
  }
  read_ids(metadata, is_2b4t, vocab);
  if (metadata.find(own("strip")) != nullptr) {
    vocab.strip = per_token<uint8_t>(metadata, own("strip"), n);
  }
  vocab.chat_template = metadata.get_string_or(kTemplate, "");
  if (vocab.chat_template.size() > static_cast<std::size_t>(vocab::kMaxTemplateBytes)) {
    fail(kTemplate, "at most " + std::to_string(vocab::kMaxTemplateBytes) + " bytes",
         std::to_string(vocab.chat_template.size()));
  }
  return vocab;
}

}  // namespace onebit
