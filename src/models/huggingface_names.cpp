// Hugging Face's tensor names as GGUF's.
#include <charconv>

#include "models/huggingface_tensors.h"

namespace onebit {
namespace {

struct Name {
  std::string_view huggingface;
  std::string_view gguf;
  std::string_view architecture = {};  // a prefix of it; empty: any
};

constexpr Name kProjections[] = {
    {"self_attn.q_proj", "attn_q"}, {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"}, {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},  {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

// The first that fits counts.
constexpr Name kNorms[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "post_attention_norm", "gemma3"},
    {"post_attention_layernorm", "ffn_norm"},
    {"pre_feedforward_layernorm", "ffn_norm", "gemma3"},
    {"post_feedforward_layernorm", "post_ffw_norm", "gemma3"},
    {"self_attn.attn_sub_norm", "attn_sub_norm", "bitnet"},
    {"self_attn.inner_attn_ln", "attn_sub_norm", "bitnet"},  // 1bitLLM
    {"mlp.ffn_sub_norm", "ffn_sub_norm", "bitnet"},
    {"mlp.ffn_layernorm", "ffn_sub_norm", "bitnet"},  // 1bitLLM
    {"self_attn.q_norm", "attn_q_norm", "qwen3"},
    {"self_attn.k_norm", "attn_k_norm", "qwen3"},
    {"self_attn.q_norm", "attn_q_norm", "gemma3"},
    {"self_attn.k_norm", "attn_k_norm", "gemma3"},
};

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "17.rest" -> "17" and "rest", for a number below `limit` as one writes it.
std::optional<std::string> skip_layer(std::string_view& text, int64_t limit) {
  int64_t layer = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), layer);
  const std::string digits(text.substr(0, static_cast<std::size_t>(end - text.data())));
  if (error != std::errc() || layer < 0 || layer >= limit || digits != std::to_string(layer)) {
    return std::nullopt;
  }
  text.remove_prefix(digits.size());
  if (!skip(text, ".")) return std::nullopt;
  return digits;
}

}  // namespace

std::optional<TensorName> map_tensor_name(std::string_view name, const HuggingfaceConfig& config) {
  std::string_view rest = name;
  if (rest == "lm_head.weight" && config.has_head) {
    return TensorName{"output.weight", "lm_head", TensorRole::kTable};
  }
  skip(rest, "model.");  // the body alone is saved without it
  if (rest == "embed_tokens.weight") {
    return TensorName{"token_embd.weight", "embed_tokens", TensorRole::kTable};
  }
  if (rest == "norm.weight") {
    return TensorName{"output_norm.weight", "norm", TensorRole::kNorm};
  }
  if (!skip(rest, "layers.")) return std::nullopt;
  const auto layer = skip_layer(rest, config.model.n_layers);
  if (!layer) return std::nullopt;
  const std::string block = "blk." + *layer + ".";
  const auto module = [&](std::string_view suffix) {
    return std::string(name.substr(0, name.size() - suffix.size()));
  };
  for (const Name& projection : kProjections) {
    std::string_view suffix = rest;
    if (!skip(suffix, projection.huggingface)) continue;
    const std::string gguf = block + std::string(projection.gguf);
    if (suffix == ".weight") {
      return TensorName{gguf + ".weight", module(suffix), TensorRole::kProjection};
    }
    if (suffix == ".weight_scale") {
      return TensorName{gguf + ".weight", module(suffix), TensorRole::kScale};
    }
    // transformers' BitLinear with use_rms_norm; BitNet-embedding's.
    if ((suffix == ".rms_norm.weight" && config.rms_norms) || suffix == ".norm.weight") {
      return TensorName{gguf + "_norm_in.weight", module(suffix), TensorRole::kInputNorm};
    }
    return std::nullopt;
  }
  for (const Name& norm : kNorms) {
    if (!config.model.architecture.starts_with(norm.architecture)) continue;
    if (rest != std::string(norm.huggingface) + ".weight") continue;
    return TensorName{block + std::string(norm.gguf) + ".weight", module(".weight"),
                      TensorRole::kNorm};
  }
  return std::nullopt;
}

}  // namespace onebit
