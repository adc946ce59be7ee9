#include "models/huggingface_config.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>

#include "io/json_file.h"
#include "models/huggingface_rope.h"
#include "models/json_number.h"
#include "vocab/json_cursor.h"

namespace onebit {
namespace {

constexpr int64_t kMaxConfigBytes = int64_t{1} << 20;

// A class of transformers and what it takes where config.json is silent.
struct ModelClass {
  const char* name;
  const char* model_type;  // stands for the class where config.json names none; nullptr: never
  const char* architecture;
  bool has_head = true;
  bool tied = false;
  int64_t head_dim = 0;  // 0: hidden_size / num_attention_heads
  double rope_theta = 10000;
  bool is_bitnet = false;  // its linear layers are BitLinear even without a quantization_config
};
constexpr std::array<ModelClass, 7> kClasses = {{
    {.name = "LlamaForCausalLM", .model_type = "llama", .architecture = "llama"},
    {.name = "BitNetForCausalLM",  // Microsoft: squared ReLU
     .model_type = "bitnet",
     .architecture = "bitnet-b1.58",
     .rope_theta = 500000,
     .is_bitnet = true},
    {.name = "BitnetForCausalLM",  // 1bitLLM: SiLU
     .model_type = nullptr,
     .architecture = "bitnet",
     .is_bitnet = true},
    {.name = "Qwen3ForCausalLM", .model_type = "qwen3", .architecture = "qwen3", .head_dim = 128},
    {.name = "Qwen3Model",
     .model_type = nullptr,
     .architecture = "qwen3",
     .has_head = false,
     .head_dim = 128},
    {.name = "Gemma3ForCausalLM",
     .model_type = "gemma3_text",
     .architecture = "gemma3",
     .tied = true,
     .head_dim = 256,
     .rope_theta = 1e6},
    {.name = "Gemma3TextModel",
     .model_type = nullptr,
     .architecture = "gemma3",
     .has_head = false,
     .tied = true,
     .head_dim = 256,
     .rope_theta = 1e6},
}};

const ModelClass& find_class(const JsonCursor& root) {
  const auto classes = root.find("architectures");
  const bool named = classes && !classes->array().empty();
  const JsonCursor field = named ? classes->element(0) : root.at("model_type");
  const std::string name = field.string();
  std::string known;
  for (const ModelClass& c : kClasses) {
    const char* key = named ? c.name : c.model_type;
    if (key == nullptr) continue;
    if (name == key) return c;
    known += (known.empty() ? "" : ", ") + std::string(key);
  }
  field.fail("one of " + known, quote(name), ErrorCode::kUnsupported);
}

int64_t integer_or(const JsonCursor& root, std::string_view key, int64_t low, int64_t high,
                   int64_t fallback) {
  const auto field = root.find(key);
  return field ? field->integer(low, high) : fallback;
}

// What transformers can compute and the decoder here cannot.
void refuse_unsupported(const JsonCursor& root) {
  for (const char* key :
       {"attention_bias", "mlp_bias", "use_sliding_window", "use_bidirectional_attention"}) {
    const auto field = root.find(key);
    if (field && field->boolean()) field->fail("false", "true", ErrorCode::kUnsupported);
  }
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping", "quantization"}) {
    if (const auto field = root.find(key)) {  // "quantization" is MLX's
      field->fail("none", describe(field->value()), ErrorCode::kUnsupported);
    }
  }
}

Activation read_activation(const JsonCursor& root) {
  constexpr std::array<std::pair<const char*, Activation>, 4> kNames = {
      {{"relu2", Activation::kRelu2},
       {"silu", Activation::kSilu},
       {"swish", Activation::kSilu},
       {"gelu_pytorch_tanh", Activation::kGeluTanh}}};
  const auto gemma = root.find("hidden_activation");
  const JsonCursor field = gemma ? *gemma : root.at("hidden_act");
  const std::string name = field.string();
  std::string known;
  for (const auto& [text, value] : kNames) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  field.fail("one of " + known, quote(name), ErrorCode::kUnsupported);
}

// Which layers of a Gemma see a window only. The decoder knows one pattern: all but every sixth.
void read_window(const JsonCursor& root, ModelConfig& c) {
  constexpr int64_t kPeriod = 6;
  const auto types = root.find("layer_types");
  if (types) {
    const boost::json::array& list = types->array();
    if (static_cast<int64_t>(list.size()) != c.n_layers) {
      types->fail(std::to_string(c.n_layers) + " layers", std::to_string(list.size()));
    }
    if (std::ranges::all_of(list, [](const auto& t) {
          return t.is_string() && t.get_string() == "full_attention";
        }))
      return;
    for (std::size_t l = 0; l < list.size(); ++l) {
      const bool local = static_cast<int64_t>(l) % kPeriod != kPeriod - 1;
      const std::string expected = local ? "sliding_attention" : "full_attention";
      const std::string found = types->element(l).string();
      if (found == expected) continue;
      types->element(l).fail(expected + " (all but every sixth layer)", quote(found),
                             ErrorCode::kUnsupported);
    }
  }
  for (const char* key : {"sliding_window_pattern", "_sliding_window_pattern"}) {
    const auto field = root.find(key);
    if (!field || types) continue;
    const int64_t period = field->integer(1, 1 << 20);
    if (period == kPeriod) continue;
    field->fail("6", std::to_string(period), ErrorCode::kUnsupported);
  }
  const auto window = root.find("sliding_window");
  if (!window) return;
  c.sliding_window = window->integer(1, 1 << 24);
  c.sliding_period = kPeriod;
}

// Decoder layers with a pattern of windows that the architecture does not have.
void refuse_windows(const JsonCursor& root) {
  const auto types = root.find("layer_types");
  if (!types) return;
  for (std::size_t l = 0; l < types->array().size(); ++l) {
    const JsonCursor type = types->element(l);
    const std::string found = type.string();
    if (found != "full_attention") {
      type.fail("full_attention", quote(found), ErrorCode::kUnsupported);
    }
  }
}

void read_shape(const JsonCursor& root, const ModelClass& model_class, ModelConfig& c) {
  constexpr int64_t kWidth = 1 << 20;
  c.architecture = model_class.architecture;
  c.hidden_size = root.at("hidden_size").integer(1, kWidth);
  c.intermediate_size = root.at("intermediate_size").integer(1, kWidth);
  c.n_layers = root.at("num_hidden_layers").integer(1, 1024);
  c.n_heads = root.at("num_attention_heads").integer(1, 4096);
  c.n_kv_heads = integer_or(root, "num_key_value_heads", 1, c.n_heads, c.n_heads);
  c.vocab_size = root.at("vocab_size").integer(1, 1 << 21);
  c.max_seq_len = root.at("max_position_embeddings").integer(1, 1 << 24);
  c.rms_norm_eps = static_cast<float>(number(root.at("rms_norm_eps"), 1e-30, 0.5));
  c.activation = read_activation(root);
  if (const auto head_dim = root.find("head_dim")) {
    c.head_dim = head_dim->integer(2, 4096);
  } else if (model_class.head_dim != 0) {
    c.head_dim = model_class.head_dim;
  } else if (c.hidden_size % c.n_heads == 0) {
    c.head_dim = c.hidden_size / c.n_heads;
  } else {
    root.at("hidden_size")
        .fail("a multiple of num_attention_heads " + std::to_string(c.n_heads) +
                  ", as there is no head_dim",
              std::to_string(c.hidden_size));
  }
}

void read_quantization(const JsonCursor& root, HuggingfaceConfig& config) {
  const auto q = root.find("quantization_config");
  if (!q) return;
  const JsonCursor method = q->at("quant_method");
  if (method.string() != "bitnet") {
    method.fail("bitnet", quote(method.string()), ErrorCode::kUnsupported);
  }
  const std::string linear_class = q->string_or("linear_class", "bitlinear");
  const std::string mode = q->string_or("quantization_mode", "offline");
  if (mode != "offline" && mode != "online") {
    q->at("quantization_mode").fail("offline or online", quote(mode), ErrorCode::kUnsupported);
  }
  if (linear_class == "bitlinear") {  // packed, whatever the mode
    config.weights = HuggingfaceWeights::kPackedDivide;
  } else if (linear_class == "autobitlinear") {
    config.weights =
        mode == "online" ? HuggingfaceWeights::kMaster : HuggingfaceWeights::kPackedMultiply;
  } else {
    q->at("linear_class")
        .fail("bitlinear or autobitlinear", quote(linear_class), ErrorCode::kUnsupported);
  }
  if (const auto modules = q->find("modules_to_not_convert")) {
    for (std::size_t i = 0; i < modules->array().size(); ++i) {
      config.not_converted.insert(modules->element(i).string());
    }
  }
  config.rms_norms = q->bool_or("use_rms_norm", false);
  if (!config.rms_norms) return;
  const auto eps = q->find("rms_norm_eps");
  config.model.projection_norms = true;
  config.model.projection_norm_eps = eps ? static_cast<float>(number(*eps, 1e-30, 0.5)) : 1e-6f;
}

// sentence-transformers says how an embedding model makes one vector of many.
Pooling read_pooling(const std::filesystem::path& folder, bool has_head) {
  const auto path = folder / "1_Pooling" / "config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return has_head ? Pooling::kNone : Pooling::kLast;
  const auto value = read_json(path, kMaxConfigBytes);
  const JsonCursor root(value, path.string());
  if (root.bool_or("pooling_mode_lasttoken", false)) return Pooling::kLast;
  root.at("pooling_mode_lasttoken").fail("true", "false", ErrorCode::kUnsupported);
}

}  // namespace

// Any run of whole names between dots counts: "mlp" and "layers.0" name modules inside others.
bool HuggingfaceConfig::stays_float(std::string_view module) const {
  std::size_t begin = 0;
  do {
    for (std::size_t end = begin; end != std::string_view::npos;) {
      end = module.find('.', end + 1);
      if (not_converted.contains(module.substr(begin, end - begin))) return true;
    }
    begin = module.find('.', begin) + 1;
  } while (begin != 0);  // npos + 1
  return false;
}

HuggingfaceConfig read_huggingface_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  const auto value = read_json(path, kMaxConfigBytes);
  const JsonCursor root(value, path.string());
  root.object();
  const ModelClass& model_class = find_class(root);
  const bool is_gemma = model_class.architecture == std::string_view("gemma3");
  refuse_unsupported(root);

  HuggingfaceConfig config;
  ModelConfig& c = config.model;
  config.has_head = model_class.has_head;
  config.norms_plus_one = is_gemma;
  read_shape(root, model_class, c);
  c.projection_norm_eps = c.rms_norm_eps;
  const HuggingfaceRope rope = read_rope(root, c.head_dim, model_class.rope_theta);
  c.rope_theta = rope.theta;
  c.rope_theta_local = rope.local_theta;
  c.rope_scale = rope.scale;
  config.rope_divisors = rope.divisors;
  if (is_gemma) {
    read_window(root, c);
    const auto scalar = root.find("query_pre_attn_scalar");
    config.query_pre_attn_scalar = scalar ? static_cast<float>(number(*scalar, 1e-6, 1e6)) : 256.0f;
  } else {
    refuse_windows(root);
  }
  if (const auto tied = root.find("tie_word_embeddings")) {
    config.tied = tied->boolean();
  } else if (model_class.tied) {
    config.tied = true;
  }
  read_quantization(root, config);
  if (model_class.is_bitnet && config.weights == HuggingfaceWeights::kFloat) {
    config.weights = HuggingfaceWeights::kMaster;
  }
  c.pooling = read_pooling(folder, config.has_head);
  c.name = folder.filename().empty() ? folder.parent_path().filename().string()
                                     : folder.filename().string();
  check_config(c, path.string());
  return config;
}

GgufMetadata to_metadata(const HuggingfaceConfig& config) {
  const ModelConfig& c = config.model;
  GgufMetadata metadata;
  write_config(c, metadata);
  const std::string a = c.architecture + ".";
  if (config.query_pre_attn_scalar) {
    metadata.set(a + "attention.query_pre_attn_scalar", *config.query_pre_attn_scalar);
    metadata.set(a + "rope.freq_base_swa", c.rope_theta_local);
  }
  if (c.pooling == Pooling::kLast) metadata.set(a + "pooling_type", uint32_t{3});
  return metadata;
}

}  // namespace onebit
