#include "safetensors_draft.h"

namespace onebit::malformed {

SafetensorsImage safetensors_image(std::vector<SafetensorsPart> tensors) {
  SafetensorsImage image;
  for (const SafetensorsPart& t : tensors) {
    std::string shape;
    for (const int64_t dim : t.shape) shape += (shape.empty() ? "" : ",") + std::to_string(dim);
    image.header += (image.header.empty() ? "{\"" : ",\"") + t.name + "\":{\"dtype\":\"" + t.dtype +
                    "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
                    std::to_string(image.data.size()) + "," +
                    std::to_string(image.data.size() + t.data.size()) + "]}";
    image.data += t.data;
  }
  image.header += "}";
  image.tensors = std::move(tensors);
  return image;
}

SafetensorsImage tiny_safetensors() {
  std::vector<SafetensorsPart> tensors;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (const int64_t dim : shape) count *= dim;
    std::string data;
    for (int64_t i = 0; i < count; ++i) {
      const float value = static_cast<float>(i % 5 - 2) * 0.5f + 0.125f;
      data.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    tensors.push_back({"model." + name + ".weight", "F32", std::move(shape), std::move(data)});
  };
  add("embed_tokens", {6, 8});
  add("layers.0.input_layernorm", {8});
  add("layers.0.self_attn.q_proj", {8, 8});
  add("layers.0.self_attn.k_proj", {4, 8});
  add("layers.0.self_attn.v_proj", {4, 8});
  add("layers.0.self_attn.o_proj", {8, 8});
  add("layers.0.post_attention_layernorm", {8});
  add("layers.0.mlp.gate_proj", {8, 8});
  add("layers.0.mlp.up_proj", {8, 8});
  add("layers.0.mlp.down_proj", {8, 8});
  add("norm", {8});
  return safetensors_image(std::move(tensors));
}

std::vector<std::pair<std::string, std::string>> tiny_config() {
  return {{"architectures", "[\"LlamaForCausalLM\"]"},
          {"model_type", "\"llama\""},
          {"vocab_size", "6"},
          {"hidden_size", "8"},
          {"intermediate_size", "8"},
          {"num_hidden_layers", "1"},
          {"num_attention_heads", "2"},
          {"num_key_value_heads", "1"},
          {"head_dim", "4"},
          {"hidden_act", "\"silu\""},
          {"rms_norm_eps", "1e-05"},
          {"rope_theta", "10000.0"},
          {"max_position_embeddings", "32"},
          {"tie_word_embeddings", "true"},
          {"attention_bias", "false"},
          {"rope_scaling", "null"},
          {"torch_dtype", "\"float32\""}};
}

std::string json_object(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string text;
  for (const auto& [key, value] : fields) {
    text += (text.empty() ? "{\"" : ", \"") + key + "\": " + value;
  }
  return text + "}";
}

std::string tiny_tokenizer() {
  return R"({"version": "1.0", "normalizer": null,
"added_tokens": [{"id": 3, "content": "<s>", "lstrip": false, "rstrip": false, "special": true},
{"id": 4, "content": "</s>", "special": true}, {"id": 5, "content": "<x>", "special": false}],
"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
"post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
"model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
"byte_fallback": false, "ignore_merges": false,
"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})";
}

std::vector<std::pair<std::string, std::string>> hf_folder(std::string model, std::string config,
                                                           std::string tokenizer) {
  return {{"model.safetensors", std::move(model)},
          {"config.json", std::move(config)},
          {"tokenizer.json", std::move(tokenizer)}};
}

}  // namespace onebit::malformed
