// For tests: a tiny Hugging Face folder without a tokenizer, in a temporary place.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/half.h"
#include "io/safetensors.h"

namespace onebit::testing {

using JsonFields = std::map<std::string, std::string>;  // key -> JSON

// 1 layer, hidden 128, feed-forward 256, 4 heads of 32, 2 for keys and values, 16 tokens.
inline JsonFields llama_fields() {
  return {{"architectures", R"(["LlamaForCausalLM"])"},
          {"model_type", R"("llama")"},
          {"vocab_size", "16"},
          {"hidden_size", "128"},
          {"intermediate_size", "256"},
          {"num_hidden_layers", "1"},
          {"num_attention_heads", "4"},
          {"num_key_value_heads", "2"},
          {"hidden_act", R"("silu")"},
          {"rms_norm_eps", "1e-05"},
          {"rope_theta", "10000.0"},
          {"max_position_embeddings", "64"},
          {"tie_word_embeddings", "false"},
          {"attention_bias", "false"},
          {"mlp_bias", "false"},
          {"rope_scaling", "null"},
          {"torch_dtype", R"("bfloat16")"}};
}

inline JsonFields with(JsonFields fields, const JsonFields& changes) {
  for (const auto& [key, value] : changes) {
    if (value.empty()) {
      fields.erase(key);  // "": without the field
    } else {
      fields[key] = value;
    }
  }
  return fields;
}

inline std::string to_json(const JsonFields& fields) {
  std::string text = "{";
  for (const auto& [key, value] : fields) {
    text += (text.size() > 1 ? ", \"" : "\"") + key + "\": " + value;
  }
  return text + "}";
}

struct SampleTensor {
  std::string name;
  SafetensorsDtype dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

inline SampleTensor floats(std::string name, std::vector<int64_t> shape,
                           const std::function<float(int64_t)>& value) {
  int64_t n = 1;
  for (const int64_t dim : shape) n *= dim;
  SampleTensor t{std::move(name), SafetensorsDtype::kBF16, std::move(shape), {}};
  for (int64_t i = 0; i < n; ++i) {
    const uint16_t bits = f32_to_bf16(value(i));
    t.bytes.push_back(static_cast<uint8_t>(bits));
    t.bytes.push_back(static_cast<uint8_t>(bits >> 8));
  }
  return t;
}

// What a float llama of llama_fields() has. The weights are no groups of one magnitude.
inline std::vector<SampleTensor> llama_tensors() {
  const auto weight = [](int64_t i) { return static_cast<float>(i % 13 - 6) / 8; };
  const auto norm = [](int64_t i) { return 1 + static_cast<float>(i % 4) / 4; };
  const std::string l = "model.layers.0.";
  return {floats("model.embed_tokens.weight", {16, 128}, weight),
          floats(l + "input_layernorm.weight", {128}, norm),
          floats(l + "self_attn.q_proj.weight", {128, 128}, weight),
          floats(l + "self_attn.k_proj.weight", {64, 128}, weight),
          floats(l + "self_attn.v_proj.weight", {64, 128}, weight),
          floats(l + "self_attn.o_proj.weight", {128, 128}, weight),
          floats(l + "post_attention_layernorm.weight", {128}, norm),
          floats(l + "mlp.gate_proj.weight", {256, 128}, weight),
          floats(l + "mlp.up_proj.weight", {256, 128}, weight),
          floats(l + "mlp.down_proj.weight", {128, 256}, weight),
          floats("model.norm.weight", {128}, norm),
          floats("lm_head.weight", {16, 128}, weight)};
}

// The same with packed linear layers, whose codes are all 0, and scales of `scale`.
inline std::vector<SampleTensor> packed_tensors(float scale) {
  std::vector<SampleTensor> tensors;
  for (SampleTensor& t : llama_tensors()) {
    if (t.name.find("_proj.") != std::string::npos) {
      t.dtype = SafetensorsDtype::kU8;
      t.shape[0] /= 4;
      t.bytes.assign(static_cast<std::size_t>(t.shape[0] * t.shape[1]), 0x55);
      tensors.push_back(floats(t.name + "_scale", {1}, [&](int64_t) { return scale; }));
    }
    tensors.push_back(std::move(t));
  }
  return tensors;
}

class SampleFolder {
 public:
  explicit SampleFolder(const std::string& config_json = "",
                        const std::vector<SampleTensor>& tensors = {})
      : path_(std::filesystem::temp_directory_path() /
              ("huggingface_sample." + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    write("config.json", config_json);
    if (tensors.empty()) return;
    SafetensorsWriter writer(path_ / "model.safetensors");
    for (const SampleTensor& t : tensors) writer.add_tensor(t.name, t.dtype, t.shape);
    writer.begin();
    for (const SampleTensor& t : tensors) writer.write_tensor(t.bytes);
    writer.commit();
  }
  ~SampleFolder() { std::filesystem::remove_all(path_); }
  SampleFolder(const SampleFolder&) = delete;
  SampleFolder& operator=(const SampleFolder&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The message of an Error, without the path of its file; "" if there is none.
inline std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    const std::string what = e.what();
    const std::size_t name = what.find("huggingface_sample.");
    return name == std::string::npos ? what : what.substr(what.find('/', name) + 1);
  }
  return "";
}

}  // namespace onebit::testing
