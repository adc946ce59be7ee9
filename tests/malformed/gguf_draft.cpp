#include "gguf_draft.h"

#include <algorithm>

#include "base/checked.h"
#include "io/gguf_layout.h"
#include "models/config.h"
#include "vocab/gguf.h"

namespace onebit::malformed {
namespace {

class ImageBuilder {
 public:
  explicit ImageBuilder(int64_t alignment) : alignment_(alignment) {}
  GgufImage release() { return std::move(image_); }
  std::size_t size() const { return image_.bytes.size(); }
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  void text(std::string_view text) { image_.bytes += text; }
  void pad() {
    image_.bytes.resize(
        static_cast<std::size_t>(round_up(static_cast<int64_t>(size()), alignment_)));
  }

  template <typename T>
  void number(T value) {
    image_.bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename T>
  void integer(const std::string& field, T value) {
    image_.integers.push_back({subject_ + field, size(), sizeof value});
    number(value);
  }
  void string(const std::string& field, std::string_view value) {
    integer(field + " length", uint64_t{value.size()});
    text(value);
  }

  void value(const GgufValue& value) {
    const std::size_t index = value.index();
    const bool is_array = index >= gguf::kScalars;
    integer("value type", is_array ? int32_t{gguf::kArray} : gguf::scalar_type(index));
    if (is_array) integer("element type", gguf::scalar_type(index % gguf::kScalars));
    std::visit([&](const auto& payload) { put(payload); }, value);
  }

 private:
  template <typename T>
  void put(const T& scalar) {
    if constexpr (std::is_integral_v<T>) {
      integer("value", scalar);
    } else if constexpr (std::is_arithmetic_v<T>) {
      number(scalar);
    } else {
      string("string", scalar);
    }
  }
  template <typename T>
  void put(const std::vector<T>& array) {
    integer("array length", uint64_t{array.size()});
    for (const T& element : array) put(element);
  }
  void put(const GgufBoolArray& array) { put(array.values); }

  int64_t alignment_;
  GgufImage image_;
  std::string subject_;
};

// Numbers that are neither special nor all the same.
std::string weights(int64_t count) {
  std::string data;
  for (int64_t i = 0; i < count; ++i) {
    const float weight = static_cast<float>(i % 7 - 3) * 0.25f + 0.125f;
    data.append(reinterpret_cast<const char*>(&weight), sizeof weight);
  }
  return data;
}

}  // namespace

DraftEntry& GgufDraft::entry(const std::string& key) {
  const auto found = std::ranges::find(entries, key, &DraftEntry::key);
  ONEBIT_CHECK(found != entries.end());
  return *found;
}

DraftTensor& GgufDraft::tensor(const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &DraftTensor::name);
  ONEBIT_CHECK(found != tensors.end());
  return *found;
}

void GgufDraft::set(const std::string& key, GgufValue value) {
  const auto found = std::ranges::find(entries, key, &DraftEntry::key);
  if (found == entries.end()) {
    entries.push_back({key, std::move(value)});
  } else {
    found->value = std::move(value);
  }
}

GgufImage GgufDraft::build() const {
  ImageBuilder out(alignment);
  out.text(magic);
  out.integer("version", version);
  out.integer("n_tensors", uint64_t{tensors.size()});
  out.integer("n_kv", uint64_t{entries.size()});
  for (const DraftEntry& entry : entries) {
    out.set_subject("kv " + entry.key + ": ");
    out.string("key", entry.key);
    if (entry.raw.empty()) {
      out.value(entry.value);
    } else {
      out.text(entry.raw);
    }
  }
  uint64_t offset = 0;
  for (const DraftTensor& tensor : tensors) {
    out.set_subject("tensor " + tensor.name + ": ");
    out.string("name", tensor.name);
    out.integer("n_dims", tensor.n_dims.value_or(static_cast<uint32_t>(tensor.shape.size())));
    for (const int64_t dim : tensor.shape) out.integer("dim", dim);
    out.integer("type", tensor.type);
    out.integer("offset", tensor.offset.value_or(offset));
    offset += static_cast<uint64_t>(round_up(static_cast<int64_t>(tensor.data.size()), alignment));
  }
  for (const DraftTensor& tensor : tensors) {
    out.pad();
    out.text(tensor.data);
  }
  return out.release();
}

GgufDraft tiny_model() {
  ModelConfig c;
  c.name = "tiny";
  c.hidden_size = 8;
  c.intermediate_size = 8;
  c.n_layers = 1;
  c.n_heads = 2;
  c.n_kv_heads = 1;
  c.head_dim = 4;
  c.vocab_size = 6;
  c.max_seq_len = 32;
  Vocab vocab;
  vocab.tokens = {"a", "b", "ab", "<s>", "</s>", "<0x0A>"};
  vocab.types = {1, 1, 1, 3, 3, 6};
  vocab.merges = {"a b"};
  vocab.pre = "gpt-2";
  vocab.bos_id = 3;
  vocab.eos_id = 4;
  GgufMetadata metadata;
  write_config(c, metadata);
  write_vocab(vocab, metadata);

  GgufDraft draft;
  for (const auto& [key, value] : metadata.entries()) draft.entries.push_back({key, value});
  draft.set("general.alignment", static_cast<uint32_t>(draft.alignment));
  for (const char* name : {"unknown", "padding", "eot", "eom"}) {
    draft.set(std::string("tokenizer.ggml.") + name + "_token_id", uint32_t{4});
  }
  draft.set("tokenizer.ggml.add_eos_token", false);
  draft.set("onebit.tokenizer.ignore_merges", false);
  draft.set("tokenizer.chat_template", std::string("{{ messages[0].content }}"));
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (const int64_t dim : shape) count *= dim;
    draft.tensors.push_back({name + ".weight", std::move(shape), kF32, weights(count)});
  };
  add("token_embd", {c.hidden_size, c.vocab_size});
  add("blk.0.attn_norm", {c.hidden_size});
  add("blk.0.attn_q", {c.hidden_size, c.q_size()});
  add("blk.0.attn_k", {c.hidden_size, c.kv_size()});
  add("blk.0.attn_v", {c.hidden_size, c.kv_size()});
  add("blk.0.attn_sub_norm", {c.q_size()});
  add("blk.0.attn_output", {c.q_size(), c.hidden_size});
  add("blk.0.ffn_norm", {c.hidden_size});
  add("blk.0.ffn_gate", {c.hidden_size, c.intermediate_size});
  add("blk.0.ffn_up", {c.hidden_size, c.intermediate_size});
  add("blk.0.ffn_sub_norm", {c.intermediate_size});
  add("blk.0.ffn_down", {c.intermediate_size, c.hidden_size});
  add("output_norm", {c.hidden_size});
  return draft;
}

GgufDraft tiny_spm_model() {
  GgufDraft draft = tiny_model();
  std::erase_if(draft.entries, [](const DraftEntry& e) {
    return e.key == "tokenizer.ggml.merges" || e.key == "onebit.tokenizer.ignore_merges";
  });
  draft.set("tokenizer.ggml.model", std::string("llama"));
  draft.set("tokenizer.ggml.tokens",
            std::vector<std::string>{"<unk>", "<s>", "</s>", "<0x0A>", "\xe2\x96\x81", "a"});
  draft.set("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 3, 6, 1, 1});
  draft.set("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, 0, -1, -2});
  draft.set("tokenizer.ggml.unknown_token_id", uint32_t{0});
  draft.set("tokenizer.ggml.bos_token_id", uint32_t{1});
  draft.set("tokenizer.ggml.add_space_prefix", true);
  draft.set("tokenizer.ggml.remove_extra_whitespaces", false);
  return draft;
}

bool is_optional_key(const std::string& key) {
  static const std::vector<std::string> keys = {
      "general.name",
      "general.alignment",
      "bitnet-b1.58.vocab_size",
      "bitnet-b1.58.attention.key_length",    // hidden_size / n_heads
      "bitnet-b1.58.attention.value_length",  // the same
      "bitnet-b1.58.rope.dimension_count",    // the same
      "bitnet-b1.58.rope.freq_base",
      "bitnet-b1.58.hidden_activation",
      kActQuantKey,
      "tokenizer.ggml.pre",
      "tokenizer.ggml.token_type",
      "tokenizer.ggml.add_bos_token",
      "tokenizer.ggml.bos_token_id",
      "tokenizer.ggml.eos_token_id",
      "tokenizer.ggml.unknown_token_id",
      "tokenizer.ggml.padding_token_id",
      "tokenizer.ggml.eot_token_id",
      "tokenizer.ggml.eom_token_id",
      "tokenizer.ggml.add_eos_token",
      "onebit.tokenizer.ignore_merges",
      "tokenizer.chat_template",
  };
  return std::ranges::find(keys, key) != keys.end();
}

}  // namespace onebit::malformed
