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

std::vector<std::pair<std::string, std::string>> hf_folder(std::string model) {
  return {{"model.safetensors", std::move(model)}};
}

}  // namespace onebit::malformed
