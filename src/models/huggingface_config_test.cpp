// What config.json says and what becomes of it, field by field; what is refused and how.
#include "models/huggingface_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "models/huggingface_sample.h"

namespace onebit {
namespace {

using namespace testing;

HuggingfaceConfig read(const JsonFields& fields) {
  const SampleFolder folder(to_json(fields));
  return read_huggingface_config(folder.path());
}

HuggingfaceConfig read_with(const JsonFields& changes) {
  return read(with(llama_fields(), changes));
}

std::string refusal(const JsonFields& changes) {
  const std::string message = refusal_of([&] { read_with(changes); });
  EXPECT_EQ(message.find('\n'), std::string::npos);
  return message;
}

TEST(HuggingfaceConfig, ReadsTheShape) {
  const auto config = read_with({});
  const ModelConfig& c = config.model;
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.hidden_size, 128);
  EXPECT_EQ(c.intermediate_size, 256);
  EXPECT_EQ(c.n_layers, 1);
  EXPECT_EQ(c.n_heads, 4);
  EXPECT_EQ(c.n_kv_heads, 2);
  EXPECT_EQ(c.head_dim, 32);
  EXPECT_EQ(c.vocab_size, 16);
  EXPECT_EQ(c.max_seq_len, 64);
  EXPECT_EQ(c.rope_theta, 10000.0f);
  EXPECT_EQ(c.rms_norm_eps, 1e-5f);
  EXPECT_EQ(c.activation, Activation::kSilu);
  EXPECT_EQ(c.pooling, Pooling::kNone);
  EXPECT_EQ(config.weights, HuggingfaceWeights::kFloat);
  EXPECT_EQ(config.tied, false);
  EXPECT_TRUE(config.has_head);
  EXPECT_FALSE(config.norms_plus_one);
  EXPECT_TRUE(config.rope_divisors.empty());

  EXPECT_EQ(read_with({{"head_dim", "64"}}).model.head_dim, 64);
  EXPECT_EQ(read_with({{"head_dim", "null"}}).model.head_dim, 32);
  EXPECT_EQ(read_with({{"num_key_value_heads", ""}}).model.n_kv_heads, 4);
  EXPECT_EQ(read_with({{"rope_theta", "500000"}}).model.rope_theta, 5e5f);
  EXPECT_EQ(read_with({{"rope_theta", ""}}).model.rope_theta, 1e4f);
  EXPECT_FALSE(read_with({{"tie_word_embeddings", ""}}).tied.has_value());
}

TEST(HuggingfaceConfig, KnowsTheClasses) {
  struct Case {
    const char* name;
    const char* architecture;
    HuggingfaceWeights weights;
    Pooling pooling;
    int64_t head_dim;
  };
  using enum HuggingfaceWeights;
  const Case cases[] = {{"LlamaForCausalLM", "llama", kFloat, Pooling::kNone, 32},
                        {"BitNetForCausalLM", "bitnet-b1.58", kMaster, Pooling::kNone, 32},
                        {"BitnetForCausalLM", "bitnet", kMaster, Pooling::kNone, 32},
                        {"Qwen3ForCausalLM", "qwen3", kFloat, Pooling::kNone, 128},
                        {"Qwen3Model", "qwen3", kFloat, Pooling::kLast, 128},
                        {"Gemma3ForCausalLM", "gemma3", kFloat, Pooling::kNone, 256},
                        {"Gemma3TextModel", "gemma3", kFloat, Pooling::kLast, 256}};
  for (const Case& c : cases) {
    const auto config = read_with({{"architectures", "[\"" + std::string(c.name) + "\"]"}});
    EXPECT_EQ(config.model.architecture, c.architecture) << c.name;
    EXPECT_EQ(config.weights, c.weights) << c.name;
    EXPECT_EQ(config.model.pooling, c.pooling) << c.name;
    EXPECT_EQ(config.model.head_dim, c.head_dim) << c.name;
    EXPECT_EQ(config.has_head, c.pooling == Pooling::kNone) << c.name;
  }
  // Without classes, model_type decides.
  for (const auto& [type, architecture] : {std::pair{"llama", "llama"},
                                           {"bitnet", "bitnet-b1.58"},
                                           {"qwen3", "qwen3"},
                                           {"gemma3_text", "gemma3"}}) {
    const auto config =
        read_with({{"architectures", ""}, {"model_type", "\"" + std::string(type) + "\""}});
    EXPECT_EQ(config.model.architecture, architecture);
  }
}

TEST(HuggingfaceConfig, Activations) {
  for (const auto& [name, activation] : {std::pair{"relu2", Activation::kRelu2},
                                         {"silu", Activation::kSilu},
                                         {"gelu_pytorch_tanh", Activation::kGeluTanh}}) {
    const std::string json = "\"" + std::string(name) + "\"";
    EXPECT_EQ(read_with({{"hidden_act", json}}).model.activation, activation);
    EXPECT_EQ(read_with({{"hidden_activation", json}}).model.activation, activation);
  }
}

// The two meanings of weight_scale, and masters.
TEST(HuggingfaceConfig, Quantization) {
  const auto weights = [](const std::string& json) {
    return read_with({{"quantization_config", json}}).weights;
  };
  using enum HuggingfaceWeights;
  EXPECT_EQ(weights("null"), kFloat);
  EXPECT_EQ(weights(R"({"quant_method": "bitnet"})"), kPackedDivide);
  EXPECT_EQ(weights(R"({"quant_method": "bitnet", "linear_class": null})"), kPackedDivide);
  EXPECT_EQ(weights(R"({"quant_method": "bitnet", "linear_class": "bitlinear"})"), kPackedDivide);
  const std::string autobit = R"({"quant_method": "bitnet", "linear_class": "autobitlinear")";
  EXPECT_EQ(weights(autobit + "}"), kPackedMultiply);
  EXPECT_EQ(weights(autobit + R"(, "quantization_mode": "offline"})"), kPackedMultiply);
  EXPECT_EQ(weights(autobit + R"(, "quantization_mode": "online"})"), kMaster);

  const auto config =
      read_with({{"quantization_config", autobit + R"(, "use_rms_norm": true, "rms_norm_eps": 1e-4,
           "modules_to_not_convert": ["lm_head", "layers.0.mlp"]})"}});
  EXPECT_TRUE(config.rms_norms);
  EXPECT_TRUE(config.model.projection_norms);
  EXPECT_EQ(config.model.projection_norm_eps, 1e-4f);
  EXPECT_TRUE(config.stays_float("lm_head"));
  EXPECT_TRUE(config.stays_float("model.layers.0.mlp.gate_proj"));
  EXPECT_FALSE(config.stays_float("model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(config.stays_float("model.layers.10.mlp.gate_proj"));
}

TEST(HuggingfaceConfig, RopeScaling) {
  EXPECT_EQ(
      read_with({{"rope_scaling", R"({"rope_type": "linear", "factor": 8})"}}).model.rope_scale,
      8.0f);
  EXPECT_EQ(read_with({{"rope_scaling", R"({"type": "linear", "factor": 2.5})"}}).model.rope_scale,
            2.5f);
  EXPECT_EQ(read_with({{"rope_scaling", R"({"rope_type": "default"})"}}).model.rope_scale, 1.0f);
  // transformers 5
  const auto c = read_with({{"rope_theta", ""},
                            {"rope_parameters", R"({"rope_theta": 7e5, "rope_type": "linear",
                                                    "factor": 4})"}})
                     .model;
  EXPECT_EQ(c.rope_theta, 7e5f);
  EXPECT_EQ(c.rope_scale, 4.0f);
}

// Llama 3.1's parameters: the values of Hugging Face's formula in double precision.
TEST(HuggingfaceConfig, Llama3RopeDivisors) {
  const auto divisors = read_with({{"rope_theta", "500000.0"},
                                   {"head_dim", "128"},
                                   {"rope_scaling", R"({"factor": 8.0, "high_freq_factor": 4.0,
                    "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
                    "rope_type": "llama3"})"}})
                            .rope_divisors;
  ASSERT_EQ(divisors.size(), 64u);
  for (std::size_t i = 0; i < 64; ++i) {
    const double wave = 2 * std::numbers::pi * std::pow(500000.0, static_cast<double>(i) / 64);
    double expected = 1;
    if (wave > 8192 / 1.0) {
      expected = 8;
    } else if (wave >= 8192 / 4.0) {
      const double smooth = (8192 / wave - 1) / (4 - 1);
      expected = 1 / ((1 - smooth) / 8 + smooth);
    }
    EXPECT_NEAR(divisors[i], expected, 1e-6 * expected) << i;
  }
  EXPECT_EQ(divisors[28], 1.0f);
  EXPECT_GT(divisors[29], 1.0f);
  EXPECT_LT(divisors[34], 8.0f);
  EXPECT_EQ(divisors[35], 8.0f);
}

JsonFields gemma_fields() {
  return with(llama_fields(), {{"architectures", R"(["Gemma3ForCausalLM"])"},
                               {"hidden_act", ""},
                               {"hidden_activation", R"("gelu_pytorch_tanh")"},
                               {"head_dim", "32"},
                               {"tie_word_embeddings", ""},
                               {"rope_theta", "1000000.0"},
                               {"num_hidden_layers", "7"},
                               {"query_pre_attn_scalar", "64"},
                               {"rope_local_base_freq", "20000.0"},
                               {"sliding_window", "16"}});
}

std::string layer_types(const std::string& pattern) {
  std::string json = "[";
  for (const char c : pattern) {
    json += std::string(json.size() > 1 ? ", " : "") +
            (c == 's' ? "\"sliding_attention\"" : "\"full_attention\"");
  }
  return json + "]";
}

TEST(HuggingfaceConfig, Gemma3) {
  const auto config = read(gemma_fields());
  EXPECT_EQ(config.tied, true);
  EXPECT_TRUE(config.norms_plus_one);
  EXPECT_EQ(config.model.sliding_window, 16);
  EXPECT_EQ(config.model.rope_theta_local, 20000.0f);
  const GgufMetadata metadata = to_metadata(config);
  EXPECT_EQ(metadata.get_float("gemma3.attention.query_pre_attn_scalar"), 64.0f);
  EXPECT_EQ(metadata.get_float("gemma3.rope.freq_base_swa"), 20000.0f);
  EXPECT_EQ(metadata.get_int("gemma3.attention.sliding_window"), 16);

  const auto with_types = [](const std::string& pattern) {
    return with(gemma_fields(), {{"layer_types", layer_types(pattern)}});
  };
  EXPECT_EQ(read(with_types("sssssfs")).model.sliding_window, 16);
  EXPECT_EQ(read(with_types("fffffff")).model.sliding_window, 0);
  EXPECT_EQ(refusal_of([&] { read(with_types("sssfsss")); }),
            "config.json: layer_types[3]: expected sliding_attention (all but every sixth layer), "
            "found 'full_attention'");
  EXPECT_EQ(refusal_of([&] { read(with_types("sss")); }),
            "config.json: layer_types: expected 7 layers, found 3");
  EXPECT_EQ(read(with(gemma_fields(), {{"sliding_window", "null"}})).model.sliding_window, 0);
  EXPECT_EQ(read(with(gemma_fields(), {{"sliding_window_pattern", "6"}})).model.sliding_window, 16);
  EXPECT_NE(refusal_of([] { read(with(gemma_fields(), {{"sliding_window_pattern", "4"}})); }), "");
}

TEST(HuggingfaceConfig, Pooling) {
  const SampleFolder folder(to_json(llama_fields()));
  folder.write("1_Pooling/config.json", R"({"pooling_mode_lasttoken": true})");
  const auto config = read_huggingface_config(folder.path());
  EXPECT_EQ(config.model.pooling, Pooling::kLast);
  EXPECT_EQ(to_metadata(config).get_int("llama.pooling_type"), 3);
  folder.write("1_Pooling/config.json",
               R"({"pooling_mode_lasttoken": false, "pooling_mode_mean_tokens": true})");
  EXPECT_EQ(refusal_of([&] { read_huggingface_config(folder.path()); }),
            "1_Pooling/config.json: pooling_mode_lasttoken: expected true, found false");
}

// What the metadata says is what was read.
TEST(HuggingfaceConfig, MetadataReadsBack) {
  const auto config = read_with(
      {{"rope_scaling", R"({"type": "linear", "factor": 2})"}, {"hidden_act", R"("relu2")"}});
  const ModelConfig c = read_config(to_metadata(config), Activation::kSilu);
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.hidden_size, 128);
  EXPECT_EQ(c.n_kv_heads, 2);
  EXPECT_EQ(c.head_dim, 32);
  EXPECT_EQ(c.rope_scale, 2.0f);
  EXPECT_EQ(c.activation, Activation::kRelu2);
  EXPECT_EQ(c.act_quant, ActQuant::kInt8);
}

TEST(HuggingfaceConfig, NamesWhatIsWrong) {
  struct Case {
    JsonFields changes;
    std::string message;
  };
  const std::string in = "config.json: ";
  const Case cases[] = {
      {{{"hidden_size", ""}}, in + "file: expected a member 'hidden_size', found none"},
      {{{"hidden_size", "\"32\""}},
       in + "hidden_size: expected an integer from 1 to 1048576, found '32'"},
      {{{"hidden_size", "1000000000000000000"}},
       in + "hidden_size: expected an integer from 1 to 1048576, found 1000000000000000000"},
      {{{"hidden_size", "130"}}, in + "hidden_size: expected a multiple of num_attention_heads 4"},
      {{{"hidden_size", "128.5"}}, in + "hidden_size: expected"},
      {{{"num_attention_heads", "0"}},
       in + "num_attention_heads: expected an integer from 1 to 4096, found 0"},
      {{{"num_attention_heads", "-4"}}, in + "num_attention_heads"},
      {{{"num_key_value_heads", "8"}},
       in + "num_key_value_heads: expected an integer from 1 to 4, found 8"},
      {{{"num_key_value_heads", "3"}}, in + "n_kv_heads: expected a divisor"},
      {{{"num_hidden_layers", "1025"}}, in + "num_hidden_layers"},
      {{{"head_dim", "33"}}, in + "head_dim: expected an even number, found 33"},
      {{{"intermediate_size", "[1]"}},
       in + "intermediate_size: expected an integer from 1 to 1048576, found an array"},
      {{{"vocab_size", "3000000"}}, in + "vocab_size"},
      {{{"max_position_embeddings", "0"}}, in + "max_position_embeddings"},
      {{{"rms_norm_eps", "0"}}, in + "rms_norm_eps: expected 1e-30..0.5, found 0"},
      {{{"rms_norm_eps", "\"x\""}}, in + "rms_norm_eps: expected a number, found 'x'"},
      {{{"rope_theta", "0.5"}}, in + "rope_theta: expected 1..1e+15, found 0.5"},
      {{{"hidden_act", "\"gelu\""}}, in + "hidden_act: expected one of relu2, silu"},
      {{{"tie_word_embeddings", "1"}}, in + "tie_word_embeddings: expected true or false, found 1"},
      {{{"attention_bias", "true"}}, in + "attention_bias: expected false, found true"},
      {{{"mlp_bias", "true"}}, in + "mlp_bias: expected false, found true"},
      {{{"use_sliding_window", "true"}}, in + "use_sliding_window"},
      {{{"final_logit_softcapping", "30.0"}}, in + "final_logit_softcapping: expected none"},
      {{{"quantization", "{}"}}, in + "quantization: expected none"},
      {{{"layer_types", "[\"sliding_attention\"]"}}, in + "layer_types[0]: expected full"},
      {{{"partial_rotary_factor", "0.5"}}, in + "partial_rotary_factor: expected 1"},
      {{{"rope_scaling", R"({"rope_type": "yarn", "factor": 4})"}},
       in + "rope_scaling: expected rope_type default, linear or llama3, found 'yarn'"},
      {{{"rope_scaling", R"({"type": "linear"})"}},
       in + "rope_scaling: expected a member 'factor'"},
      {{{"rope_scaling", R"({"type": "linear", "factor": 0})"}},
       in + "rope_scaling.factor: expected 0.001..1e+06, found 0"},
      {{{"rope_scaling", R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4,
          "high_freq_factor": 4, "original_max_position_embeddings": 8192})"}},
       in + "rope_scaling.high_freq_factor: expected above low_freq_factor 4, found 4"},
      {{{"rope_scaling", "3"}}, in + "rope_scaling: expected an object, found 3"},
      {{{"quantization_config", R"({"quant_method": "gptq"})"}},
       in + "quantization_config.quant_method: expected bitnet, found 'gptq'"},
      {{{"quantization_config", "{}"}},
       in + "quantization_config: expected a member 'quant_method', found none"},
      {{{"quantization_config", R"({"quant_method": "bitnet", "linear_class": "x"})"}},
       in + "quantization_config.linear_class: expected bitlinear or autobitlinear, found 'x'"},
      {{{"quantization_config", R"({"quant_method": "bitnet", "quantization_mode": "x"})"}},
       in + "quantization_config.quantization_mode: expected offline or online, found 'x'"},
      {{{"quantization_config", R"({"quant_method": "bitnet", "modules_to_not_convert": [1]})"}},
       in + "quantization_config.modules_to_not_convert[0]: expected a string, found 1"},
      {{{"architectures", R"(["MixtralForCausalLM"])"}},
       in + "architectures[0]: expected one of LlamaForCausalLM, BitNetForCausalLM, "
            "BitnetForCausalLM, Qwen3ForCausalLM, Qwen3Model, Gemma3ForCausalLM, "
            "Gemma3TextModel, found 'MixtralForCausalLM'"},
      {{{"architectures", "[]"}, {"model_type", R"("mistral")"}},
       in + "model_type: expected one of llama, bitnet, qwen3, gemma3_text, found 'mistral'"},
      {{{"architectures", ""}, {"model_type", ""}},
       in + "file: expected a member 'model_type', found none"},
  };
  for (const Case& c : cases) {
    const std::string found = refusal(c.changes);
    EXPECT_TRUE(found.starts_with(c.message)) << "found    " << found << "\nexpected " << c.message;
  }
  for (const char* text : {"", "[]", "{\"architectures\": [", "7", "{} x"}) {
    const SampleFolder folder(text);
    const std::string found = refusal_of([&] { read_huggingface_config(folder.path()); });
    EXPECT_TRUE(found.starts_with(in)) << found;
  }
  EXPECT_NE(refusal_of([] { read_huggingface_config("/nonexistent"); }), "");
}

}  // namespace
}  // namespace onebit
